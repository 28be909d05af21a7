import Core

/// Events of one thread, each written as a JSON object, in their order.
package struct EventBatch: Sendable {
    /// The objects with commas between them.
    package private(set) var bytes: [UInt8] = []
    /// Where each of them ends.
    package private(set) var ends: [Int] = []

    package init() {}

    package var count: Int { ends.count }

    package mutating func append(_ object: UnsafeRawBufferPointer) {
        if !ends.isEmpty { bytes.append(UInt8(ascii: ",")) }
        bytes.append(contentsOf: object)
        ends.append(bytes.count)
    }
}

/// Events on their way to the operator's server: gathered into POSTs, of which one is under way at a time, so that the
/// order of events is kept.
///
/// A POST leaves when it is full, and else a second after the one before it began. One that fails is tried again before
/// anything that came after it. Pure: times are milliseconds of one monotonic clock. Thread: the control loop's. The
/// bound is the caller's, who counts what is here.
package struct EventQueue: Sendable {
    /// Events of one POST.
    package static let postEventsMax = 500
    /// Bytes of its body from which on it takes no further event; one event may be larger.
    package static let postBytesMax = 1024 * 1024
    /// From the beginning of one POST to that of the next, unless that is full.
    package static let pauseMilliseconds = 1_000

    private static let head = Array(#"{"events":["#.utf8)
    private static let tail = Array("]}".utf8)

    private struct Entry {
        var body = EventQueue.head
        var size = Size()
        var tries: WebhookTries
    }

    /// How much something is.
    package struct Size: Equatable, Sendable {
        package var events = 0
        /// Of the events alone, as they came.
        package var bytes = 0

        package init(events: Int = 0, bytes: Int = 0) {
            self.events = events
            self.bytes = bytes
        }
    }

    package enum End: Equatable, Sendable {
        case sent(Size)
        /// The same is tried again after so many milliseconds.
        case again(after: Int)
        /// The server does not want them.
        case refused(Size, status: Int)
        /// There were as many tries, or they are as old, as may be.
        case givenUp(Size)
    }

    /// Full ones in the order of coming; the last one takes what comes.
    private var waiting = FIFO<Entry>()
    private var filling: Entry?
    private var underWay: Entry?
    /// The one that has failed, and when it is tried again.
    private var failed: (entry: Entry, dueAt: Int)?
    private var nextBeginAt = Int.min
    /// Nothing waits for others any more.
    private var isEnding = false

    package init() {}

    package var isEmpty: Bool { waiting.isEmpty && filling == nil && underWay == nil && failed == nil }
    /// Whether nothing is there whose turn has come.
    package var isIdle: Bool { waiting.isEmpty && filling == nil && underWay == nil }

    package mutating func add(_ batch: EventBatch, at now: Int) {
        var begin = 0
        var index = 0
        while index < batch.count {
            if let filling, filling.body.count + batch.ends[index] - begin >= Self.postBytesMax { seal() }
            var entry = filling ?? Entry(tries: WebhookTries(addedAt: now))
            // As many as fit, in one piece.
            let room = Self.postBytesMax - entry.body.count - 1
            var last = index
            while last + 1 < batch.count, entry.size.events + last + 1 - index < Self.postEventsMax,
                batch.ends[last + 1] - begin <= room
            { last += 1 }
            if entry.size.events > 0 { entry.body.append(UInt8(ascii: ",")) }
            entry.body.append(contentsOf: batch.bytes[begin..<batch.ends[last]])
            let count = last + 1 - index
            entry.size.events += count
            entry.size.bytes += batch.ends[last] - begin - (count - 1)
            begin = batch.ends[last] + 1
            index = last + 1
            filling = entry
            if entry.size.events >= Self.postEventsMax || entry.body.count >= Self.postBytesMax { seal() }
        }
    }

    private mutating func seal() {
        guard let entry = filling else { return }
        filling = nil
        waiting.append(entry)
    }

    /// From now on what is there leaves without waiting for more.
    package mutating func end() { isEnding = true }

    /// The body of the next POST, if its time has come; `isAgain`: it is one that has failed.
    package mutating func next(at now: Int) -> (body: [UInt8], isAgain: Bool)? {
        guard underWay == nil else { return nil }
        if let (entry, dueAt) = failed {
            guard now >= dueAt else { return nil }
            failed = nil
            return begin(entry, at: now, isAgain: true)
        }
        if waiting.isEmpty, filling != nil, now >= nextBeginAt || isEnding { seal() }
        guard var entry = waiting.popFirst() else { return nil }
        entry.body += Self.tail
        return begin(entry, at: now, isAgain: false)
    }

    private mutating func begin(_ entry: Entry, at now: Int, isAgain: Bool) -> (body: [UInt8], isAgain: Bool) {
        var entry = entry
        entry.tries.began()
        nextBeginAt = now + Self.pauseMilliseconds
        underWay = entry
        return (entry.body, isAgain)
    }

    /// The try that was under way has ended.
    /// - Parameter random: any number, for the wait.
    package mutating func ended(_ answer: WebhookAnswer, at now: Int, random: UInt64) -> End? {
        guard var entry = underWay else { return nil }
        underWay = nil
        switch entry.tries.ended(answer, at: now, random: random) {
        case .sent: return .sent(entry.size)
        case .refused(let status): return .refused(entry.size, status: status)
        case .givenUp: return .givenUp(entry.size)
        case .again(let wait):
            failed = (entry, now + wait)
            return .again(after: wait)
        }
    }

    /// Takes out what is too old to be tried once more, or at all.
    package mutating func takeOld(at now: Int) -> Size {
        var old = Size()
        func add(_ size: Size) { (old.events, old.bytes) = (old.events + size.events, old.bytes + size.bytes) }
        if let entry = failed?.entry, entry.tries.isTooOld(at: now) {
            add(entry.size)
            failed = nil
        }
        while let entry = waiting.first, entry.tries.isTooOld(at: now) {
            add(entry.size)
            waiting.removeFirst()
        }
        return old
    }
}
