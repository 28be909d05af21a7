import ControlPlane
import Foundations
import NetworkIO
import Rooms
import WireProtocol

// What comes of the log, and what goes there.
extension LogFollower {
    func arrived(_ epoch: String, _ first: UInt64, _ bodies: [[UInt8]]) {
        var seq = first
        for body in bodies {
            arrived(epoch, seq, body)
            seq += 1
        }
    }

    func arrived(_ epoch: String, _ seq: UInt64, _ body: [UInt8]) {
        switch log.arrived(epoch: epoch, seq: seq, body: body) {
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
        if let early = log.takeEarly() { arrived(epoch, early.seq, early.body) }
    }

    /// Reads the entries before one that came too early.
    func readHole(_ epoch: String) {
        log.isReading = true
        let opening = opening
        store.perform(LogCommit.range(keys, after: log.newestSeq, limit: Self.rangeMax)) { [weak self] result in
            guard let self, self.opening == opening, !isClosed else { return }
            log.isReading = false
            guard case .success(let reply) = result, let entries = LogCommit.entries(reply) else { return }
            trimmed(entries)
            for entry in entries { arrived(epoch, entry.seq, entry.body) }
        }
    }

    /// The store's oldest entry stands behind the one that is next here.
    func trimmed(_ entries: [(seq: UInt64, body: [UInt8])]) {
        guard let first = entries.first?.seq, log.trimmed(upTo: first - 1) else { return }
        delegate.skipped(to: first - 1)
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
            case .committed(let seq): arrived(answer.epoch, seq, entry.submission.body)
            case .known(let first, let time): repetitions.append((entry.number, first, time))
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
            } else if let submission = log.removed(repetition.number) {
                delegate.repeated(submission, first: first, time: repetition.time)
            }
        }
    }
}
