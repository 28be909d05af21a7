import Foundations
import Rooms
import WireProtocol

/// What workers tell each other. Letters of one worker to another arrive in the order of sending; much of the
/// protocol's order rests on that.
package enum Letter: Sendable {
    /// A message for a room, to its home.
    case publish(RemoteMessage)
    /// What happened in a room in one turn of its home, to a worker with members.
    case deliver(RoomBatch)
    /// Anything rare.
    case run(@Sendable (Worker) -> Void)
}

/// A client's message on its way to the room's home on another worker: the slices of the received frame, copied.
package struct RemoteMessage: Sendable {
    package let room: Identifier
    package let info: ConnectionInfo
    let fields: OwnedMessageFields
}

/// The fields of a message with memory of their own, so that they outlive the read buffer.
package struct OwnedMessageFields: Sendable {
    private let bytes: [UInt8]
    private let idLength: Int?
    private let typeLength: Int?
    private let replyTo: UInt64?
    /// Set when the id had escapes: what it means, as opposed to how it was written.
    private let idMeaning: [UInt8]?

    package init(_ fields: MessageFields) {
        let idLength = fields.id?.raw.count
        let typeLength = fields.messageType?.count
        self.idLength = idLength
        self.typeLength = typeLength
        replyTo = fields.replyTo
        idMeaning = fields.id.flatMap { id in
            id.withBytes { $0.count == id.raw.count ? nil : Array($0) }
        }
        let count = fields.content.count + (idLength ?? 0) + (typeLength ?? 0)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        if let id = fields.id { bytes.append(contentsOf: id.raw) }
        if let type = fields.messageType { bytes.append(contentsOf: type) }
        bytes.append(contentsOf: fields.content)
        self.bytes = bytes
    }

    /// Calls `body` with the fields as slices.
    package func withFields<Result>(_ body: (MessageFields) -> Result) -> Result {
        bytes.withUnsafeBytes { all in
            let afterID = idLength ?? 0
            let afterType = afterID + (typeLength ?? 0)
            let id = idLength.map { length in
                StringSlice(raw: UnsafeRawBufferPointer(rebasing: all[0..<length]), unescaped: idMeaning)
            }
            return body(
                MessageFields(
                    id: id,
                    content: UnsafeRawBufferPointer(rebasing: all[afterType...]),
                    messageType: typeLength.map { _ in UnsafeRawBufferPointer(rebasing: all[afterID..<afterType]) },
                    replyTo: replyTo))
        }
    }
}

/// Frames one behind the other, in as few slices as they lie in.
struct FrameRun: Sendable {
    private(set) var segments: ContiguousArray<FrameSlice> = []
    private(set) var byteCount = 0

    mutating func append(_ frame: FrameSlice) {
        byteCount += frame.length
        if let last = segments.indices.last, segments[last].buffer === frame.buffer,
            segments[last].offset + segments[last].length == frame.offset
        {
            segments[last].length += frame.length
        } else {
            segments.append(frame)
        }
    }

    /// Lets go of the frames and keeps the memory.
    mutating func removeAll() {
        // One by one, as there is mostly one: that costs a tenth of removing a range.
        while segments.popLast() != nil {}
        byteCount = 0
    }
}

/// The frames that a room's home made in one turn, and where single connections are to see something else.
///
/// `@unchecked Sendable`: only the home's worker changes it, and only before the first letter with it was posted.
package final class RoomBatch: @unchecked Sendable {
    package var room: Identifier
    /// The frames in order: mostly one run in the room's log.
    @exclusivity(unchecked) var plain = FrameRun()
    /// The same frames for members that agreed to compression; empty when there is nothing to gain.
    @exclusivity(unchecked) var compressed = FrameRun()
    @exclusivity(unchecked) package var cuts: ContiguousArray<Cut> = []
    /// Room messages among the frames, for counting.
    package var messageCount = 0

    /// A place in the batch where its author's connection gets an ack, and does not get its own frame.
    package struct Cut: Sendable {
        let worker: Int
        let socketKey: UInt64
        /// Byte position in the batch.
        let start: Int
        /// Bytes of the author's own frame.
        let length: Int
        /// Where the author's own frame is in the compressed form.
        var compressedRange = 0..<0
        /// Sent at `start`; nil for what is never acked.
        let ack: FrameSlice?
        /// `ack` stands for the frame, whatever the connection asked for.
        var isReplacement = false

        var range: Range<Int> { start..<(start + length) }
    }

    package init(room: Identifier) { self.room = room }

    var byteCount: Int { plain.byteCount }
    var isEmpty: Bool { plain.segments.isEmpty && cuts.isEmpty }

    /// Forgets what was delivered and keeps the memory.
    func removeAll() {
        plain.removeAll()
        if !compressed.segments.isEmpty { compressed.removeAll() }
        while cuts.popLast() != nil {}
        messageCount = 0
    }

    /// Takes a committed message for all members.
    func append(message frame: FrameSlice) {
        plain.append(frame)
        messageCount += 1
    }

    /// Takes a frame for all members.
    func append(_ frame: FrameSlice) { plain.append(frame) }

    /// Makes the author of the last `length` bytes get `ack` before, or instead of, them.
    func cut(for info: ConnectionInfo, length: Int, ack: FrameSlice?) {
        cuts.append(
            Cut(worker: info.worker, socketKey: info.socketKey, start: byteCount - length, length: length, ack: ack))
    }

    /// Makes a connection get another frame instead of the last `length` bytes.
    func cut(for info: ConnectionInfo, length: Int, replacement: FrameSlice) {
        cut(for: info, length: length, ack: replacement)
        cuts[cuts.count - 1].isReplacement = true
    }
}
