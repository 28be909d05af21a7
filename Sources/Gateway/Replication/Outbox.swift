import Rooms
import WireProtocol

/// How much a worker keeps for the store while that is away. The messages themselves wait in their rooms.
struct Outbox {
    /// The text for an author for whose message there is no place.
    static let fullText = "Redis is away and this node keeps as many messages as it can"
    /// When such an author may try again.
    static let retryMilliseconds = 2_000

    let messagesMax: Int
    let bytesMax: Int
    private(set) var messages = 0
    private(set) var bytes = 0

    init(messagesMax: Int, bytesMax: Int) {
        self.messagesMax = messagesMax
        self.bytesMax = bytesMax
    }

    func hasRoom(for submission: Submission) -> Bool {
        messages < messagesMax && bytes + submission.body.count <= bytesMax
    }

    mutating func added(_ submission: Submission) {
        messages += 1
        bytes += submission.body.count
    }

    mutating func removed(_ submission: Submission) {
        messages -= 1
        bytes -= submission.body.count
        assert(messages >= 0 && bytes >= 0, "more messages were taken out than kept")
    }
}

extension HTTPResponse {
    /// The answer to a message for which the outbox has no place.
    static var outboxFull: HTTPResponse {
        .unavailable(Outbox.fullText, retrySeconds: Outbox.retryMilliseconds / 1000)
    }
}
