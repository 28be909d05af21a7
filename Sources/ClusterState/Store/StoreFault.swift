/// Why a store gave no reply.
package enum StoreFault: Error, Equatable, Sendable {
    /// Not sent: nothing happened.
    case unavailable
    /// Sent, and no answer came: it may have happened.
    case uncertain
    /// The store can't serve now, whatever is asked: it is as good as away. Nothing, or a part, may have happened.
    case away(StoreRefusal)
    /// The operation itself was wrong, for the data that are there, or altogether. `code` is the answer's first word
    /// (ERR, WRONGTYPE, NOSCRIPT …), `message` the rest.
    case refused(code: String, message: String)
    /// It happened, and its reply is larger than is taken: ask for less.
    case tooLarge

    /// The code of the error that the link puts in the place of a reply that is too large.
    package static let tooLargeCode = "TOOLARGE"

    /// Reads an error reply. The one place that decides whose fault an error is.
    ///
    /// The codes that blame the command are few and known; every other one, also one that no version has yet, says that
    /// the store can't serve.
    package init(code: String, message: String) {
        if code == Self.tooLargeCode {
            self = .tooLarge
        } else if StoreRefusal.blamesCommand(code: code, message: message) {
            self = .refused(code: code, message: message)
        } else {
            self = .away(StoreRefusal(code: code, message: message))
        }
    }
}
