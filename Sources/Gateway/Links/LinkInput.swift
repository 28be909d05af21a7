import ClusterState
import Core
import NetworkIO
import WireProtocol

/// The way from a link's remote server into the room: at most so much per second, and so much that waits for its place.
/// The rest waits here, up to what one read brought, and then at the remote server.
///
/// Thread: the worker's.
final class LinkInput {
    private static let binaryType: StaticString = "binary"

    private struct Message {
        /// A JSON value.
        let content: [UInt8]
        let isBinary: Bool
    }

    private unowned let link: Link
    private let user: Identifier
    private var waiting = FIFO<Message>()
    /// Messages that the room has taken and that have no place so far.
    private var inFlight = 0
    private var takenInTick = 0
    /// The room took the last one.
    private var isTaken = true

    init(of link: Link) {
        self.link = link
        user = Identifier(unchecked: "link:\(link.id)")
    }

    func received(text: UnsafeRawBufferPointer) {
        guard link.definition.room != nil else { return }
        if Self.isContent(text) {
            take(Message(content: Array(text), isBinary: false))
        } else {
            take(Message(content: Self.jsonString(String(decoding: text, as: UTF8.self)), isBinary: false))
        }
    }

    func received(binary: UnsafeRawBufferPointer) {
        guard link.definition.room != nil else { return }
        take(Message(content: Self.jsonString(Digest.base64(Array(binary))), isBinary: true))
    }

    /// Whether it is JSON that may stand in a message, one level below the frame.
    private static func isContent(_ text: UnsafeRawBufferPointer) -> Bool {
        guard JSONDocument.isValue(text) else { return false }
        return (Array("[".utf8) + text + Array("]".utf8)).withUnsafeBytes { JSONDocument.isValue($0) }
    }

    private static func jsonString(_ text: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.string(text)
        return writer.array
    }

    /// A message has its place, or is kept for the store.
    func accepted() {
        inFlight -= 1
        if inFlight == LinkLimits.inFlightMax / 2 { pump() }
    }

    /// A message gets no place.
    func refused() {
        inFlight -= 1
        isTaken = false
    }

    /// At each tick.
    func ticked() {
        takenInTick = 0
        pump()
    }

    private var canTake: Bool {
        link.owner != nil && link.mayAct && inFlight < LinkLimits.inFlightMax
            && takenInTick < LinkLimits.messagesPerSecond * EventLoop.tickMilliseconds / 1000
    }

    private func take(_ message: Message) {
        waiting.append(message)
        pump()
    }

    private func pump() {
        while canTake, waiting.count > 0, publish(waiting[0]) { waiting.removeFirst() }
        if waiting.count > 0 { link.connection?.pauseReading() } else { link.connection?.resumeReading() }
    }

    /// False when the room takes it later.
    private func publish(_ message: Message) -> Bool {
        guard let owner = link.owner else { return false }
        takenInTick += 1
        inFlight += 1
        isTaken = true
        let type = UnsafeRawBufferPointer(
            start: Self.binaryType.utf8Start, count: Self.binaryType.utf8CodeUnitCount)
        message.content.withUnsafeBytes { content in
            let fields = MessageFields(
                id: nil, content: content, messageType: message.isBinary ? type : nil, replyTo: nil)
            owner.publish(fields, user: user, device: nil, author: .link(link.author))
        }
        return isTaken
    }
}
