import Foundations
import WireProtocol

/// One history with one order, a room's messages or a user's inbox: the newest `capacity` entries, in memory.
///
/// Frames lie one behind the other in buffers of up to 64 KiB, in which they are encoded once; live delivery and
/// replay send from there without a copy. A buffer goes when its last entry was trimmed and nobody sends from it.
package final class MemoryLog {
    /// The history's name.
    package let epoch: String
    /// The seq of the newest entry; 0, or where the epoch was forked, before the first.
    package private(set) var newestSeq: UInt64
    /// Entries kept; at least these are there when there were so many.
    package var capacity: Int { didSet { trim(to: capacity) } }

    private struct Entry {
        let frame: FrameSlice
        let audience: Audience?
        let time: Int
    }
    /// Oldest first from `head`; what lies before it was trimmed and is removed now and then.
    private var entries: ContiguousArray<Entry> = []
    private var head = 0
    private var arena = FrameArena(capacityMin: 512, capacityMax: 64 * 1024)
    /// Bytes that the entries hold.
    package private(set) var byteCount = 0

    /// - Parameter capacity: entries kept, from 0 up.
    package init(epoch: String, capacity: Int, forkedAt seq: UInt64 = 0) {
        self.epoch = epoch
        self.capacity = capacity
        newestSeq = seq
    }

    package var count: Int { entries.count - head }
    /// The seq of the oldest entry that is still held; `newestSeq + 1` when none is.
    package var oldestSeq: UInt64 { newestSeq + 1 - UInt64(count) }

    /// Commits an entry under `newestSeq + 1`.
    /// - Parameters:
    ///   - payload: the text of the frame that members get, with that seq in it. Copied.
    ///   - audience: which devices an inbox entry is for; nil means all.
    ///   - time: Unix milliseconds, for the expiry.
    /// - Returns: the whole frame, ready to be sent.
    package func append(_ payload: UnsafeRawBufferPointer, audience: Audience?, at time: Int) -> FrameSlice {
        newestSeq += 1
        let frame = arena.frame(.text, payload)
        entries.append(Entry(frame: frame, audience: audience, time: time))
        byteCount += frame.length
        trim(to: capacity)
        return frame
    }

    /// Entries with a seq above `seq`, ascending, until `byteCountMax` is passed or `countMax` is reached; at least
    /// one if there is one.
    package func entries(after seq: UInt64, countMax: Int, byteCountMax: Int) -> [LogEntry] {
        guard seq < newestSeq, countMax > 0 else { return [] }
        let first = max(seq + 1, oldestSeq)
        guard first <= newestSeq else { return [] }
        var found: [LogEntry] = []
        var bytes = 0
        for number in first...newestSeq {
            let entry = entries[head + Int(number - oldestSeq)]
            found.append(LogEntry(seq: number, frame: entry.frame, audience: entry.audience))
            bytes += entry.frame.length
            if bytes > byteCountMax || found.count == countMax { break }
        }
        return found
    }

    /// Forgets entries that are older than `time` (Unix milliseconds).
    package func expire(before time: Int) {
        var expired = 0
        while expired < count, entries[head + expired].time < time { expired += 1 }
        trim(to: count - expired)
    }

    private func trim(to kept: Int) {
        while count > kept {
            byteCount -= entries[head].frame.length
            head += 1
        }
        // Removing costs the entries that stay; doing it when as many were trimmed makes that constant per entry.
        // Until then at most twice the capacity is held.
        if head > 0, head >= max(count, 16) || count == 0 {
            entries.removeFirst(head)
            head = 0
            if count == 0 { arena.forget() }
        }
    }
}
