import Core
import WireProtocol

/// One history with one order, a room's messages or a user's inbox: the newest `capacity` entries, in memory.
///
/// Entries follow each other without a hole, but where the nodes of a cluster kept only a sample of a room's messages.
///
/// Frames lie one behind the other in buffers of up to 64 KiB, in which they are encoded once; live delivery and
/// replay send from there without a copy. A buffer goes when its last entry was trimmed and nobody sends from it.
package final class MemoryLog {
    /// The history's name.
    package let epoch: String
    /// The seq of the newest entry; 0, or where the epoch was forked, before the first.
    @exclusivity(unchecked) package private(set) var newestSeq: UInt64
    /// Entries kept; at least these are there when there were so many.
    @exclusivity(unchecked) package var capacity: Int { didSet { trim(to: capacity) } }

    private struct Entry {
        let seq: UInt64
        let frame: FrameSlice
        let audience: Audience?
        let time: Int
    }
    /// Oldest first from `head`; what lies before it was trimmed and is removed now and then. An array and not a
    /// `FIFO`: that one fills its free places, which in many rooms is memory that nobody needs yet.
    @exclusivity(unchecked) private var entries: ContiguousArray<Entry> = []
    @exclusivity(unchecked) private var head = 0
    /// The newest seq that was trimmed; where the history begins here when none was.
    private var trimmedSeq: UInt64
    @exclusivity(unchecked) private var arena = FrameArena(capacityMin: 512, capacityMax: 64 * 1024)
    /// Bytes of memory that the history takes: the buffers that it sends from, and its own record of each entry, also
    /// of those that were trimmed and are not removed yet.
    @exclusivity(unchecked) package private(set) var storedBytes = 0
    private let meter: StoredMeter?

    /// - Parameters:
    ///   - capacity: entries kept, from 0 up.
    ///   - meter: counts what this history takes among others.
    package init(epoch: String, capacity: Int, forkedAt seq: UInt64 = 0, meter: StoredMeter? = nil) {
        self.epoch = epoch
        self.capacity = capacity
        self.meter = meter
        newestSeq = seq
        trimmedSeq = seq
    }

    deinit { meter?.add(-storedBytes) }

    package var count: Int { entries.count - head }
    /// From here on everything is held that was stored: the seq of the oldest entry, unless some before it were not
    /// stored; `newestSeq + 1` when nothing is held.
    package var oldestSeq: UInt64 { trimmedSeq + 1 }

    /// Commits an entry under `newestSeq + 1`.
    /// - Parameters:
    ///   - payload: the text of the frame that members get, with that seq in it. Copied.
    ///   - audience: which devices an inbox entry is for; nil means all.
    ///   - time: loop milliseconds, for the expiry.
    /// - Returns: the whole frame, ready to be sent.
    package func append(_ payload: UnsafeRawBufferPointer, audience: Audience?, at time: Int) -> FrameSlice {
        newestSeq += 1
        let frame = arena.frame(.text, payload)
        let isInNewBuffer = entries.last?.frame.buffer !== frame.buffer
        entries.append(Entry(seq: newestSeq, frame: frame, audience: audience, time: time))
        takes(Self.entryBytes + (isInNewBuffer ? frame.buffer.capacity + Self.bufferBytes : 0))
        trim(to: capacity)
        return frame
    }

    /// Messages up to `seq` have their places and were not stored: there are no entries for them.
    package func passUnstored(upTo seq: UInt64) { newestSeq = max(newestSeq, seq) }

    /// Entries with a seq above `seq`, ascending, until `byteCountMax` is passed or `countMax` is reached; at least
    /// one if there is one.
    /// - Parameter includes: whether an entry for these devices counts.
    package func entries(
        after seq: UInt64, countMax: Int, byteCountMax: Int, where includes: (Audience?) -> Bool = { _ in true }
    ) -> [LogEntry] {
        guard countMax > 0 else { return [] }
        var found: [LogEntry] = []
        var bytes = 0
        for entry in entries[index(after: seq)...] where includes(entry.audience) {
            found.append(LogEntry(seq: entry.seq, frame: entry.frame, audience: entry.audience))
            bytes += entry.frame.length
            if bytes > byteCountMax || found.count == countMax { break }
        }
        return found
    }

    /// The newest entries with a seq below `seq`, ascending, at most `countMax`.
    /// - Parameter includes: whether an entry for these devices counts.
    package func entries(
        before seq: UInt64, countMax: Int, where includes: (Audience?) -> Bool = { _ in true }
    ) -> [LogEntry] {
        var index = seq == 0 ? head : index(after: seq - 1)
        var found: [LogEntry] = []
        while index > head, found.count < countMax {
            index -= 1
            let entry = entries[index]
            guard includes(entry.audience) else { continue }
            found.append(LogEntry(seq: entry.seq, frame: entry.frame, audience: entry.audience))
        }
        return found.reversed()
    }

    /// The entry of that seq; nil when it is not held. Where no entry before it is missing this is one step.
    package func entry(at seq: UInt64) -> LogEntry? {
        guard count > 0, entries[head].seq <= seq, seq <= newestSeq else { return nil }
        let guess = Int(clamping: seq - entries[head].seq) + head
        let isThere = guess < entries.count && entries[guess].seq == seq
        let index = isThere ? guess : index(after: seq - 1)
        guard index < entries.count, entries[index].seq == seq else { return nil }
        return LogEntry(seq: seq, frame: entries[index].frame, audience: entries[index].audience)
    }

    /// Entries with a seq above `seq`.
    package func count(after seq: UInt64) -> Int { entries.count - index(after: seq) }

    /// The seq of the oldest entry above `seq`; nil when there is none.
    package func firstSeq(after seq: UInt64) -> UInt64? {
        let index = index(after: seq)
        return index < entries.count ? entries[index].seq : nil
    }

    /// Where the first entry above `seq` stands, or would.
    private func index(after seq: UInt64) -> Int {
        var (low, high) = (head, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].seq > seq { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Forgets entries that are older than `time` (loop milliseconds).
    package func expire(before time: Int) {
        var expired = 0
        while expired < count, entries[head + expired].time < time { expired += 1 }
        trim(to: count - expired)
    }

    private func trim(to kept: Int) {
        while count > kept {
            trimmedSeq = entries[head].seq
            head += 1
        }
        // Removing costs the entries that stay; doing it when as many were trimmed makes that constant per entry.
        // Until then at most twice the capacity is held.
        if head > 0, head >= max(count, 16) || count == 0 { removeTrimmed() }
    }

    private func removeTrimmed() {
        guard head > 0 else { return }
        takes(-bytes(of: head))
        entries.removeFirst(head)
        head = 0
        if count == 0 { arena.forget() }
        assert(storedBytes >= 0 && (count > 0 || storedBytes == 0), "more bytes were let go than were held")
    }

    // MARK: Memory

    /// An entry's record, which lies in an array that grows by doubling, and its audience.
    private static let entryBytes = 96
    /// A buffer's object, and what the allocator adds.
    private static let bufferBytes = 80

    private func takes(_ bytes: Int) {
        storedBytes += bytes
        meter?.add(bytes)
    }

    /// The bytes that become free when the first entries, trimmed ones included, are removed: a buffer goes with the
    /// last entry in it.
    private func bytes(of removed: Int) -> Int {
        var bytes = removed * Self.entryBytes
        for index in 0..<removed {
            let buffer = entries[index].frame.buffer
            let isLast = index + 1 == entries.count || entries[index + 1].frame.buffer !== buffer
            if isLast { bytes += buffer.capacity + Self.bufferBytes }
        }
        return bytes
    }

    /// Lets go of the oldest entries, until so many bytes are free.
    /// - Parameter end: entries from this seq on stay.
    /// - Returns: the bytes that became free.
    package func give(_ bytes: Int, before end: UInt64 = .max) -> Int {
        var (removed, freed) = (0, 0)
        while removed < entries.count, entries[removed].seq < end, freed < bytes {
            let buffer = entries[removed].frame.buffer
            removed += 1
            freed += Self.entryBytes
            if removed == entries.count || entries[removed].frame.buffer !== buffer { freed += buffer.capacity }
        }
        let before = storedBytes
        trim(to: entries.count - max(removed, head))
        removeTrimmed()
        if entries.capacity > 4 * count + 16 { entries = ContiguousArray(entries[...]) }
        return before - storedBytes
    }
}
