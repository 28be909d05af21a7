import ControlPlane
import Foundations
import NetworkIO
import Rooms
import WireProtocol

// What comes of the log, and what goes there.
extension LogFollower {
    func arrived(_ epoch: String, _ entry: LogCommit.Entry) {
        let (seq, body) = (entry.seq, entry.body)
        switch log.arrived(epoch: epoch, seq: seq, body: body, isStored: entry.isStored) {
        case .known: break
        case .next(let own, let isSeen):
            if let own, isSeen, let place = log.formerPlace(of: body) {
                delegate.committed(body, seq: seq, own: nil, isSeen: true)
                delegate.repeated(own, first: place, time: body.withUnsafeBytes(MessageBody.time) ?? own.time)
            } else {
                delegate.committed(body, seq: seq, own: own, isSeen: isSeen)
            }
            if !repetitions.isEmpty { tellRepetitions() }
            takeEarly(epoch)
        case .early(let mustRead): if mustRead, !isCatchingUp { readHole(epoch) }
        case .foreign: if !isCatchingUp { open() }
        }
    }

    func takeEarly(_ epoch: String) {
        guard let early = log.takeEarly() else { return }
        arrived(epoch, LogCommit.Entry(seq: early.seq, body: early.body, isStored: early.isStored))
    }

    /// Reads the entries before one that came too early.
    func readHole(_ epoch: String) {
        log.isReading = true
        read(epoch, after: log.newestSeq) { [weak self] entries in
            guard let self else { return }
            guard let entries else {
                log.isReading = false
                return
            }
            take(epoch, entries[...]) { [weak self] in
                guard let self else { return }
                log.isReading = false
                takeEarly(epoch)
                // What was missing may be among what was passed.
                if log.isAnyMissing { restoreFormer() }
            }
        }
    }

    /// Reads entries of a history; nil when there is no answer. Nothing is called when the log is opened anew before, as
    /// it is when the store has another history.
    func read(_ epoch: String, after seq: UInt64, _ taken: @escaping ([LogCommit.Entry]?) -> Void) {
        let opening = opening
        var entries: [LogCommit.Entry]?
        store.perform(LogCommit.range(keys, after: seq, limit: Self.rangeMax)) { result in
            if case .success(let reply) = result { entries = LogCommit.entries(reply) }
        }
        // Entries do not say of which history they are. No history comes back: the one that is there afterwards was
        // there before.
        store.perform(.hashGet(key: keys.place, field: Array("epoch".utf8))) { [weak self] result in
            guard let self, self.opening == opening, !isClosed else { return }
            if case .success(let reply) = result, reply != .bytes(Array(epoch.utf8)) { return open() }
            taken(entries)
        }
    }

    /// Takes entries that were read, in their order, and what they say of those that are not among them; `taken` is
    /// called when that is done, unless the log is opened anew before.
    func take(
        _ epoch: String, _ entries: ArraySlice<LogCommit.Entry>, isFenced: Bool = false, _ taken: @escaping () -> Void
    ) {
        let opening = opening
        var rest = entries
        while let entry = rest.first {
            // What the store has no longer, or never had.
            let stored = entry.unstoredFrom ?? entry.seq
            if log.trimmed(upTo: max(stored, 1) - 1) { delegate.skipped(to: stored - 1) }
            if entry.seq > log.newestSeq + 1 {
                // What was not stored was published, and may be on its way.
                guard isFenced else {
                    return passAll { [weak self, rest] in self?.take(epoch, rest, isFenced: true, taken) }
                }
                passUnstored(epoch, upTo: entry.seq - 1)
            }
            arrived(epoch, entry)
            guard self.opening == opening, !isClosed else { return }
            rest.removeFirst()
        }
        taken()
    }

    /// Gives up the messages up to `seq` that have not come.
    func passUnstored(_ epoch: String, upTo seq: UInt64) {
        let opening = opening
        while log.newestSeq < seq, self.opening == opening, !isClosed {
            if log.passUnstored(upTo: seq) { delegate.passedUnstored(upTo: log.newestSeq) }
            takeEarly(epoch)
        }
        if !repetitions.isEmpty { tellRepetitions() }
    }

    /// Members have seen a message whose place was passed.
    func wasSeen(_ body: [UInt8], at seq: UInt64) {
        unheld.append((seq, body))
        if unheld.count > Self.unheldMax { unheld.removeFirst() }
    }

    /// Calls `passed` when everything has come that was published before now, or was lost on its way.
    func passAll(_ passed: @escaping () -> Void) {
        let name = makeEpoch()
        fence = (name, opening, passed)
        tell(ClusterNotice(.fence, boot: name))
    }

    /// A fence has come, of this node or another.
    func passFence(_ name: String) {
        guard let passed = fence, passed.name == name else { return }
        fence = nil
        if passed.opening == opening { passed.passed() }
    }

    // MARK: Commits

    func commit(
        _ batch: [(number: UInt64, submission: Submission)], ended: (() -> Void)? = nil
    ) {
        guard !batch.isEmpty else { return ended?() ?? () }
        let messages = batch.map { entry in
            LogCommit.Message(
                idKey: keys.id(user: entry.submission.user, id: entry.submission.id), time: entry.submission.time,
                body: entry.submission.body)
        }
        let opening = opening
        // What was kept for the store was promised to be kept; no ack is to follow that could say otherwise.
        let wasKept = batch.first?.submission.isProvisional == true
        let terms = terms(storedOneOf: wasKept ? 1 : storedOneOf())
        let sentAt = Clock.monotonicNanoseconds()
        store.perform(LogCommit.operation(keys, terms, messages)) { [weak self] result in
            if ended != nil { self?.pace?.works() }
            if let self, self.opening == opening, !isClosed,
                // Without an answer the store is lost, or the log is opened again: either sends what waits once more.
                case .success(let reply) = result, let answer = LogCommit.answer(reply)
            {
                commitLatency.observe((Clock.monotonicNanoseconds() - sentAt) / 1000, times: batch.count)
                answered(answer, batch)
            }
            ended?()
        }
    }

    func answered(_ answer: LogCommit.Answer, _ batch: [(number: UInt64, submission: Submission)]) {
        if answer.results.isEmpty { return open() }
        for (entry, result) in zip(batch, answer.results) {
            switch result {
            case .committed(let seq, let isStored):
                arrived(
                    answer.epoch, LogCommit.Entry(seq: seq, body: entry.submission.body, isStored: isStored))
            case .known(let first, let time, let isStored):
                repetitions.append((entry.number, first, time, isStored))
            }
        }
        tellRepetitions()
    }

    /// A repetition is told when its message has come here, so that its place does not run ahead of the room's order.
    func tellRepetitions() {
        let waiting = repetitions
        repetitions = []
        for repetition in waiting {
            let body = log.submission(repetition.number)?.body
            let first = body.flatMap { log.formerPlace(of: $0) } ?? repetition.first
            if first.epoch == log.epoch, first.seq > log.newestSeq {
                repetitions.append(repetition)
            } else if var submission = log.removed(repetition.number) {
                submission.isStored = repetition.isStored
                if submission.isProvisional, !repetition.isStored, first.epoch == log.epoch {
                    wasSeen(submission.body, at: first.seq)
                }
                delegate.repeated(submission, first: first, time: repetition.time)
            }
        }
    }
}
