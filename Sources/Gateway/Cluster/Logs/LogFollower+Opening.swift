import ControlPlane
import Foundations
import Rooms

// How a follower finds its place in the log, and what it has to restore there.
extension LogFollower {
    func noticed(_ notice: StoreNotice) {
        guard !isClosed, log.standing != .away else { return }
        switch notice {
        case .live: open()
        case .message(let payload):
            if let change = RoomPresence.publication(payload) { return delegate.presenceTold(change) }
            if let notice = ClusterNotice(payload) { return delegate.noticed(notice) }
            guard let publication = LogCommit.publication(payload) else { return }
            arrived(publication.epoch, publication.firstSeq, publication.bodies)
        }
    }

    var terms: LogCommit.Terms {
        LogCommit.Terms(
            epoch: log.epoch, newestSeq: log.newestSeq, newEpoch: makeEpoch(),
            dedupeMilliseconds: rules.dedupeMilliseconds, entriesMax: entriesMax(),
            keptMilliseconds: rules.keptMilliseconds)
    }

    /// Asks for the log's place, and reads what is missing here.
    func open() {
        opening += 1
        let opening = opening
        isCatchingUp = true
        idlePolls = 0
        missedSeq = 0
        repetitions = []
        store.perform(LogCommit.operation(keys, terms, [])) { [weak self] result in
            guard let self, self.opening == opening, !isClosed else { return }
            guard case .success(let reply) = result, let answer = LogCommit.answer(reply) else { return }
            if log.epoch.isEmpty || answer.epoch == log.epoch {
                readOldest(answer, opening)
            } else {
                askDeleted(answer, opening)
            }
        }
    }

    /// Another history than the one that was followed: was that deleted, or did the store lose it?
    func askDeleted(_ answer: LogCommit.Answer, _ opening: Int) {
        store.perform(RoomDeletion.question(keys)) { [weak self] result in
            guard let self, self.opening == opening, !isClosed, case .success(let reply) = result else { return }
            if RoomDeletion.names(log.epoch, in: reply) { return delegate.deleted() }
            readOldest(answer, opening)
        }
    }

    /// Finds the oldest entry, for a log that was not followed before, or the first that is missing.
    func readOldest(_ answer: LogCommit.Answer, _ opening: Int) {
        let known = answer.epoch == log.epoch ? log.newestSeq : 0
        store.perform(LogCommit.range(keys, after: known, limit: Self.rangeMax)) { [weak self] result in
            guard let self, self.opening == opening, !isClosed else { return }
            guard case .success(let reply) = result, let entries = LogCommit.entries(reply) else { return }
            let oldestBefore = entries.first.map { $0.seq - 1 } ?? max(answer.newestSeq, known)
            let before = log.newestSeq
            let how = log.opened(epoch: answer.epoch, oldestBefore: oldestBefore) {
                let seen = self.delegate.seenEntries
                self.former += seen.map(\.body)
                self.pollsSinceFork = 0
                return seen
            }
            delegate.opened(epoch: answer.epoch, isNew: how == .isNew, oldestBefore: oldestBefore)
            if how == .goesOn, log.newestSeq > before { delegate.skipped(to: log.newestSeq) }
            take(answer.epoch, entries, upTo: answer.newestSeq)
        }
    }

    func take(_ epoch: String, _ entries: [(seq: UInt64, body: [UInt8])], upTo newest: UInt64) {
        for entry in entries { arrived(epoch, entry.seq, [entry.body]) }
        guard log.newestSeq >= newest || entries.isEmpty else { return readOn(epoch, upTo: newest) }
        isCatchingUp = false
        takeEarly(epoch)
        restoreFormer()
        delegate.caughtUp()
        flush()
    }

    func readOn(_ epoch: String, upTo newest: UInt64) {
        let opening = opening
        store.perform(LogCommit.range(keys, after: log.newestSeq, limit: Self.rangeMax)) { [weak self] result in
            guard let self, self.opening == opening, !isClosed else { return }
            guard case .success(let reply) = result, let entries = LogCommit.entries(reply) else { return }
            trimmed(entries)
            take(epoch, entries, upTo: newest)
        }
    }

    /// What the members saw of a history that the store lost is committed again, in its order, and before what waits.
    func restoreFormer() {
        former = former.filter(log.isMissing)
        var rest = former[...]
        while !rest.isEmpty {
            restore(Array(rest.prefix(SharedLog.batchMax)))
            rest = rest.dropFirst(SharedLog.batchMax)
        }
    }

    func restore(_ bodies: [[UInt8]]) {
        let known = bodies.compactMap { body in KeptMessage(body).map { (body: body, message: $0) } }
        let messages = known.map { body, message in
            LogCommit.Message(
                idKey: keys.id(user: message.user, id: message.id), time: message.time, body: body)
        }
        let opening = opening
        store.perform(LogCommit.operation(keys, terms, messages)) { [weak self] result in
            guard let self, self.opening == opening, !isClosed else { return }
            guard case .success(let reply) = result, let answer = LogCommit.answer(reply) else { return }
            for (entry, result) in zip(known, answer.results) {
                if case .committed(let seq) = result { arrived(answer.epoch, seq, entry.body) }
            }
        }
    }
}
