import Core

/// One push for a server.
package struct PushJob: Sendable {
    package let user: Identifier
    /// Names it to the server, the same over all tries.
    package let delivery: String
    /// The text of a JSON object.
    package let body: [UInt8]

    package init(user: Identifier, delivery: String, body: [UInt8]) {
        self.user = user
        self.delivery = delivery
        self.body = body
    }
}

/// The outcome of one try.
package enum PushAnswer: Equatable, Sendable {
    /// - Parameter retryAfter: what the server asks for, in milliseconds.
    case status(Int, retryAfter: Int?)
    /// No connection, no answer in time, or none that is HTTP.
    case none
}

/// Pushes that wait for their turn, or for another try after one that failed.
///
/// Pure: times are milliseconds of one monotonic clock. Thread: the control loop's.
package struct PushQueue: Sendable {
    /// Jobs at a time, with those under way.
    package static let jobsMax = 10_000
    /// Bytes of their bodies.
    package static let bytesMax = 64 * 1024 * 1024
    /// Tries at once: a server that hangs costs four connections.
    package static let underWayMax = 4
    package static let triesMax = 10
    /// Older than this nobody wants to hear it.
    package static let ageMaxMilliseconds = 15 * 60_000
    /// The longest wait after the first try and after any.
    package static let firstWaitMilliseconds = 1_000
    package static let lastWaitMilliseconds = 60_000

    private struct Entry {
        let job: PushJob
        let addedAt: Int
        var tries = 0
        var dueAt: Int
        var backoff = Backoff(first: PushQueue.firstWaitMilliseconds, last: PushQueue.lastWaitMilliseconds)
    }

    /// A try to make now; `number` names it when it ends.
    package struct Try: Sendable {
        package let number: Int
        package let job: PushJob
    }

    /// The fate of a push whose try has ended.
    package enum End: Equatable, Sendable {
        case sent
        /// It is tried again after so many milliseconds.
        case again(after: Int)
        /// The server does not want it.
        case refused(status: Int)
        /// There were as many tries, or it is as old, as may be.
        case givenUp
    }

    /// In the order of coming.
    private var ready = FIFO<Entry>()
    /// In no order.
    private var later: ContiguousArray<Entry> = []
    private var underWay: [Int: Entry] = [:]
    private var nextNumber = 0
    private var bytes = 0

    package init() {}

    /// Jobs that are here, with those under way.
    package var count: Int { ready.count + later.count + underWay.count }
    package var underWayCount: Int { underWay.count }
    /// Jobs whose turn has come, with those under way.
    package var readyCount: Int { ready.count + underWay.count }

    /// Takes a job in; false when there is no room for it.
    package mutating func add(_ job: PushJob, at now: Int) -> Bool {
        guard count < Self.jobsMax, bytes + job.body.count <= Self.bytesMax else { return false }
        bytes += job.body.count
        ready.append(Entry(job: job, addedAt: now, dueAt: now))
        return true
    }

    /// The next try, if one may be made.
    package mutating func next() -> Try? {
        guard underWay.count < Self.underWayMax, var entry = ready.popFirst() else { return nil }
        entry.tries += 1
        nextNumber += 1
        underWay[nextNumber] = entry
        return Try(number: nextNumber, job: entry.job)
    }

    /// A try has ended.
    /// - Parameter random: any number, for the wait.
    package mutating func ended(_ number: Int, _ answer: PushAnswer, at now: Int, random: UInt64) -> End? {
        guard var entry = underWay.removeValue(forKey: number) else { return nil }
        var wait = 0
        switch answer {
        case .status(200..<300, _): return finish(entry, .sent)
        case .status(let status, let retryAfter):
            guard Self.isTransient(status) else { return finish(entry, .refused(status: status)) }
            wait = retryAfter ?? 0
        case .none: break
        }
        wait = max(wait, entry.backoff.failed(random: random))
        let isOver = entry.tries >= Self.triesMax || now + wait - entry.addedAt > Self.ageMaxMilliseconds
        guard !isOver else { return finish(entry, .givenUp) }
        entry.dueAt = now + wait
        later.append(entry)
        return .again(after: wait)
    }

    /// Time has passed: tries whose wait is over get their turn.
    /// - Returns: how many were given up, as they have waited for too long.
    package mutating func ticked(at now: Int) -> Int {
        if later.contains(where: { $0.dueAt <= now }) {
            for entry in later where entry.dueAt <= now { ready.append(entry) }
            later.removeAll { $0.dueAt <= now }
        }
        var givenUp = 0
        while let oldest = ready.first, now - oldest.addedAt > Self.ageMaxMilliseconds {
            bytes -= oldest.job.body.count
            assert(bytes >= 0, "more bytes were given up than are queued")
            ready.removeFirst()
            givenUp += 1
        }
        return givenUp
    }

    /// Whether a status says that another try may succeed (RFC 9110 §15.5.9, §15.6; RFC 8470 §5.2; RFC 6585 §4).
    private static func isTransient(_ status: Int) -> Bool {
        [408, 425, 429].contains(status) || (500..<600).contains(status)
    }

    private mutating func finish(_ entry: Entry, _ end: End) -> End {
        bytes -= entry.job.body.count
        assert(bytes >= 0, "more bytes ended than are queued")
        return end
    }
}
