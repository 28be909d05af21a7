import Foundations
import WireProtocol

/// One history with one order: a room's messages, or a user's inbox. The port behind which an entry becomes
/// committed; `MemoryLog` keeps it in this process.
///
/// Thread: the home worker's of the room or user.
package protocol MessageLog: AnyObject {
    /// The history's name.
    var epoch: String { get }
    /// The seq of the newest entry; 0, or where the epoch was forked, before the first.
    var newestSeq: UInt64 { get }
    /// The seq of the oldest entry that is still held; `newestSeq + 1` when none is.
    var oldestSeq: UInt64 { get }
    /// Commits an entry under `newestSeq + 1`.
    /// - Parameters:
    ///   - payload: the text of the frame that members get, with that seq in it. Copied.
    ///   - audience: which devices an inbox entry is for; nil means all.
    ///   - time: Unix milliseconds, for the expiry.
    /// - Returns: the whole frame, ready to be sent.
    func append(_ payload: UnsafeRawBufferPointer, audience: Audience?, at time: Int) -> FrameSlice
    /// Entries with a seq above `seq`, ascending, until `byteCountMax` is passed or `countMax` is reached; at least
    /// one if there is one.
    func entries(after seq: UInt64, countMax: Int, byteCountMax: Int) -> [LogEntry]
    /// Forgets entries that are older than `time` (Unix milliseconds).
    func expire(before time: Int)
    /// Bytes that the entries hold.
    var byteCount: Int { get }
}

/// Which of a user's devices an inbox entry is for.
package final class Audience: Sendable {
    /// Only devices of this type; nil means any.
    package let deviceType: String?
    /// The device that sent it: for it the entry counts as processed.
    package let sender: Identifier?
    /// The user's own message, kept for the user's other devices; it is never pending.
    package let isOwnCopy: Bool

    package init(deviceType: String?, sender: Identifier?, isOwnCopy: Bool) {
        self.deviceType = deviceType
        self.sender = sender
        self.isOwnCopy = isOwnCopy
    }

    package func includes(device: Identifier, type: String?) -> Bool {
        if let sender, sender == device { return false }
        guard let deviceType else { return true }
        return type.map { $0.utf8.elementsEqual(deviceType.utf8) } ?? false
    }
}

/// A committed entry.
package struct LogEntry {
    package let seq: UInt64
    /// The whole frame, ready to be sent.
    package let frame: FrameSlice
    package let audience: Audience?
}
