import Core

/// One push for a server.
package struct PushJob: Sendable {
    package let user: Identifier
    package let post: WebhookPost

    package init(user: Identifier, delivery: String, body: [UInt8]) {
        self.user = user
        post = WebhookPost(delivery: delivery, body: body)
    }
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
    package static let triesMax = WebhookTries.most
    package static let ageMaxMilliseconds = WebhookTries.ageMaxMilliseconds

    private struct Entry {
        let job: PushJob
        var tries: WebhookTries
        var dueAt: Int
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
        guard count < Self.jobsMax, bytes + job.post.body.count <= Self.bytesMax else { return false }
        bytes += job.post.body.count
        ready.append(Entry(job: job, tries: WebhookTries(addedAt: now), dueAt: now))
        return true
    }

    /// The next try, if one may be made.
    package mutating func next() -> Try? {
        guard underWay.count < Self.underWayMax, var entry = ready.popFirst() else { return nil }
        entry.tries.began()
        nextNumber += 1
        underWay[nextNumber] = entry
        return Try(number: nextNumber, job: entry.job)
    }

    /// A try has ended.
    /// - Parameter random: any number, for the wait.
    package mutating func ended(_ number: Int, _ answer: WebhookAnswer, at now: Int, random: UInt64) -> End? {
        guard var entry = underWay.removeValue(forKey: number) else { return nil }
        switch entry.tries.ended(answer, at: now, random: random) {
        case .sent: return finish(entry, .sent)
        case .refused(let status): return finish(entry, .refused(status: status))
        case .givenUp: return finish(entry, .givenUp)
        case .again(let wait):
            entry.dueAt = now + wait
            later.append(entry)
            return .again(after: wait)
        }
    }

    /// Time has passed: tries whose wait is over get their turn.
    /// - Returns: how many were given up, as they have waited for too long.
    package mutating func ticked(at now: Int) -> Int {
        if later.contains(where: { $0.dueAt <= now }) {
            for entry in later where entry.dueAt <= now { ready.append(entry) }
            later.removeAll { $0.dueAt <= now }
        }
        var givenUp = 0
        while let oldest = ready.first, oldest.tries.isTooOld(at: now) {
            bytes -= oldest.job.post.body.count
            assert(bytes >= 0, "more bytes were given up than are queued")
            ready.removeFirst()
            givenUp += 1
        }
        return givenUp
    }

    private mutating func finish(_ entry: Entry, _ end: End) -> End {
        bytes -= entry.job.post.body.count
        assert(bytes >= 0, "more bytes ended than are queued")
        return end
    }
}
