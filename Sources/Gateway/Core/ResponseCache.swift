import WireProtocol

/// Answers to GET requests that others may have, too, for a while.
struct ResponseCache {
    /// Targets that are kept; when there are more, all begin anew.
    private static let answersMax = 256

    private var answers: [String: (response: HTTPResponse, at: Int)] = [:]

    /// The answer to a target that is at most so old.
    func find(_ target: String, ageMax: Int, at now: Int) -> HTTPResponse? {
        guard let found = answers[target], now - found.at <= ageMax else { return nil }
        return found.response
    }

    mutating func keep(_ response: HTTPResponse, for target: String, at now: Int) {
        if answers.count >= Self.answersMax { answers.removeAll() }
        answers[target] = (response, now)
    }
}
