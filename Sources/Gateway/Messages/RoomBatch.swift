import Core
import Rooms
import WireProtocol

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

/// The frames that a room's home made in one turn, and the places where single connections see something else.
///
/// `@unchecked Sendable`: only the home's worker changes it, and only before the first message with it was posted.
package final class RoomBatch: @unchecked Sendable {
    @exclusivity(unchecked) package var room: Identifier
    /// The frames in order: mostly one run in the room's log.
    @exclusivity(unchecked) var plain = FrameRun()
    /// The same frames for members that agreed to compression; empty when there is nothing to gain.
    @exclusivity(unchecked) var compressed = FrameRun()
    @exclusivity(unchecked) package var cuts: ContiguousArray<Cut> = []
    /// Room messages among the frames, for counting.
    @exclusivity(unchecked) package var messageCount = 0

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
    /// A frame is cut once for a connection.
    func cut(for info: ConnectionInfo, length: Int, ack: FrameSlice?) {
        assert(
            !cuts.reversed().prefix { $0.range.upperBound > byteCount - length }.contains {
                $0.socketKey == info.socketKey && $0.worker == info.worker
            }, "a frame is cut twice for one connection")
        cuts.append(
            Cut(worker: info.worker, socketKey: info.socketKey, start: byteCount - length, length: length, ack: ack))
    }

    /// Makes a connection get another frame instead of the last `length` bytes.
    func cut(for info: ConnectionInfo, length: Int, replacement: FrameSlice) {
        cut(for: info, length: length, ack: replacement)
        cuts[cuts.count - 1].isReplacement = true
    }
}
