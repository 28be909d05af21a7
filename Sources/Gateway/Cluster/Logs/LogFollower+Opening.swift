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
            if let notice = ClusterNotice(payload) {
                return notice.kind == .fence ? passFence(notice.boot) : delegate.noticed(notice)
            }
            guard let publication = LogCommit.publication(payload) else { return }
            for entry in publication.entries { arrived(publication.epoch, entry) }
        }
    }

    func terms(storedOneOf: Int = 1) -> LogCommit.Terms {
        LogCommit.Terms(
            epoch: log.epoch, newestSeq: log.newestSeq, newEpoch: makeEpoch(),
            dedupeMilliseconds: rules.dedupeMilliseconds, entriesMax: entriesMax(),
            keptMilliseconds: rules.keptMilliseconds, storedOneOf: storedOneOf)
    }

    /// Asks for the log's place, and reads what is missing here.
    func open() {
        opening += 1
        let opening = opening
        isCatchingUp = true
        idlePolls = 0
        missedSeq = 0
        repetitions = []
        fence = nil
        store.perform(LogCommit.operation(keys, terms(), [])) { [weak self] result in
            guard let self, self.opening == opening, !isClosed else { return }
            guard case .success(let reply) = result, let answer = LogCommit.answer(reply) else { return }
            if log.epoch.isEmpty || answer.epoch == log.epoch {
                readOldest(answer)
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
            readOldest(answer)
        }
    }

    /// Finds the oldest entry, for a log that was not followed before, or the first that is missing.
    func readOldest(_ answer: LogCommit.Answer) {
        let known = answer.epoch == log.epoch ? log.newestSeq : 0
        read(answer.epoch, after: known) { [weak self] entries in
            guard let self, let entries else { return }
            let stored = entries.first.map { $0.unstoredFrom ?? $0.seq }
            let oldestBefore = max(stored ?? answer.unstoredFrom ?? max(answer.newestSeq, known) + 1, 1) - 1
            let before = log.newestSeq
            let how = log.opened(epoch: answer.epoch, oldestBefore: oldestBefore) {
                let seen = (self.delegate.seenEntries + self.unheld).sorted { $0.seq < $1.seq }
                self.unheld = []
                self.former += seen.map(\.body)
                self.pollsSinceFork = 0
                return seen
            }
            delegate.opened(epoch: answer.epoch, isNew: how == .isNew, oldestBefore: oldestBefore)
            if how == .goesOn, log.newestSeq > before { delegate.skipped(to: log.newestSeq) }
            catchUp(answer, entries)
        }
    }

    func catchUp(_ answer: LogCommit.Answer, _ entries: [LogCommit.Entry]) {
        let (epoch, newest) = (answer.epoch, answer.newestSeq)
        take(epoch, entries[...]) { [weak self] in
            guard let self else { return }
            if log.newestSeq >= newest {
                caughtUp(epoch)
            } else if let unstored = answer.unstoredFrom, unstored <= log.newestSeq + 1 {
                passAll { [weak self] in
                    self?.passUnstored(epoch, upTo: newest)
                    self?.caughtUp(epoch)
                }
            } else if entries.isEmpty {
                caughtUp(epoch)
            } else {
                readOn(answer)
            }
        }
    }

    func caughtUp(_ epoch: String) {
        isCatchingUp = false
        takeEarly(epoch)
        restoreFormer()
        delegate.caughtUp()
        flush()
    }

    func readOn(_ answer: LogCommit.Answer) {
        read(answer.epoch, after: log.newestSeq) { [weak self] entries in
            if let self, let entries { catchUp(answer, entries) }
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
        store.perform(LogCommit.operation(keys, terms(), messages)) { [weak self] result in
            guard let self, self.opening == opening, !isClosed else { return }
            guard case .success(let reply) = result, let answer = LogCommit.answer(reply) else { return }
            for (entry, result) in zip(known, answer.results) {
                switch result {
                case .committed(let seq, let isStored):
                    arrived(answer.epoch, LogCommit.Entry(seq: seq, body: entry.body, isStored: isStored))
                case .known(let place, _, _):
                    // It will not come: another node committed it, it is not stored, and its place was passed here.
                    let isPassed = place.epoch == log.epoch && place.seq <= log.newestSeq
                    guard isPassed, log.isMissing(entry.body) else { continue }
                    log.found(entry.body)
                    wasSeen(entry.body, at: place.seq)
                }
            }
        }
    }
}
