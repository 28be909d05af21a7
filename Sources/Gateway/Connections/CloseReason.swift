/// The JSON text in a close frame that the server makes.
struct CloseReason {
    let text: String

    /// - Parameters:
    ///   - reason: a word for programs.
    ///   - retryMilliseconds: when to come back; nil where coming back at once, or not at all, is right.
    init(_ reason: StaticString, retryMilliseconds: Int? = nil) {
        let retry = retryMilliseconds.map { ",\"retry_ms\":\($0)" } ?? ""
        text = "{\"reason\":\"\(reason)\"\(retry)}"
    }
}
