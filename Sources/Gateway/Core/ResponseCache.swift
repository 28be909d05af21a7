import WireProtocol

/// Answers to GET requests that are given to others, too, for a while. Thread: its worker's.
struct ResponseCache {
    /// Targets that are kept; one more empties the cache.
    private static let answersMax = 256

    private var answers: [String: (response: HTTPResponse, at: Int)] = [:]

    /// The answer to a target, if it is at most `ageMax` milliseconds old. Times are loop milliseconds.
    func find(_ target: String, ageMax: Int, at now: Int) -> HTTPResponse? {
        guard let found = answers[target], now - found.at <= ageMax else { return nil }
        return found.response
    }

    /// Keeps an answer; it replaces an older one.
    mutating func keep(_ response: HTTPResponse, for target: String, at now: Int) {
        if answers.count >= Self.answersMax { answers.removeAll() }
        answers[target] = (response, now)
    }
}
