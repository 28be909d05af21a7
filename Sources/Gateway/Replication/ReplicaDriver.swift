import ControlPlane
import Foundations
import Rooms

/// Drives the log of one room, or one user's inbox: asks the store what `ReplicaLog` wants to know, hands it the
/// answers, and tells the observer what came of it.
///
/// Thread: the home's; the store's completions come on it.
final class ReplicaDriver {
    /// How long who comes waits for a log that is being restored to be in step: far longer than that takes.
    static let patienceMilliseconds = 3_000

    private(set) var log: ReplicaLog
    let questions: LogQuestions
    private let pace: ResyncPace?
    private unowned let observer: any ReplicaObserver
    /// It waits for its turn at sending what was kept, or has sent a part of that.
    private var isInTurn = false

    /// - Parameter pace: when messages that were kept are sent; nil: at once.
    init(
        _ questions: LogQuestions, isStoreAway: Bool, pace: ResyncPace? = nil, observer: any ReplicaObserver
    ) {
        log = ReplicaLog(name: questions.terms.makeEpoch(), limits: questions.limits, isStoreAway: isStoreAway)
        self.questions = questions
        self.pace = pace
        self.observer = observer
    }

    // MARK: Events

    /// Takes a message; false when the store is away and `mayKeep` is false, unless it repeats one.
    func submit(_ submission: Submission, mayKeep: Bool) -> Bool {
        let held = log.wantsHeld ? observer.held(like: submission.body) : nil
        return tell(log.submitted(submission, held: held, mayKeep: mayKeep))
    }

    func storeLost() {
        for number in log.storeLost() {
            let held = log.submissions[number].flatMap { observer.held(like: $0.body) }
            _ = tell(log.unplaced(number, held: held))
        }
    }

    func storeReturned() { if let ticket = log.storeReturned() { askPlace(ticket) } }

    func subscribed() { if let ticket = log.subscribed() { askPlace(ticket) } }

    func heard(_ entry: ReplicaLog.Entry, of epoch: String) {
        switch log.entryHeard(entry, of: epoch) {
        case .nothing: break
        case .committed(let arrival):
            tell(arrival)
            advance()
        case .read(let ticket, let after): read(ticket, after: after)
        case .open(let ticket): askPlace(ticket)
        }
    }

    func fencePassed(_ name: String) { if log.fencePassed(name) { advance() } }

    /// To be called every second or two (loop milliseconds).
    func poll(at now: Int) {
        switch log.polled(at: now) {
        case .nothing: break
        case .fenceGivenUp: advance()
        case .look(let ticket): look(ticket)
        case .open(let ticket): askPlace(ticket)
        }
    }

    /// Has the store keep the log for another while, when that is due: somebody is here (loop milliseconds).
    func refresh(at now: Int) {
        guard let ticket = log.used(at: now) else { return }
        questions.place(ticket) { [weak self] place in
            guard let self else { return }
            guard let place else { return refused(.look, ticket) }
            looked(Position(epoch: place.epoch, seq: place.newestSeq), ticket)
        }
    }

    func close() { log.closed() }

    /// Gives back all messages that wait for a place; they get none any more.
    func withdrawAll() -> [Submission] { log.withdrawAll() }

    // MARK: What comes of them

    private func tell(_ submitted: ReplicaLog.Submitted) -> Bool {
        switch submitted {
        case .taken: break
        case .provisional(let submission): observer.provisional(submission)
        case .repeated(let repetition): tell(repetition)
        case .repeatedWaiting(let submission, let waiting): observer.repeatedWaiting(submission, of: waiting)
        case .refused: return false
        }
        return true
    }

    private func tell(_ repetition: ReplicaLog.Repetition) {
        observer.repeated(repetition.submission, first: repetition.first, time: repetition.time)
    }

    private func tell(_ arrival: ReplicaLog.Arrival) {
        let entry = arrival.entry
        observer.committed(entry.body, seq: entry.seq, own: arrival.own, isSeen: arrival.isSeen)
        if let repetition = arrival.repetition { tell(repetition) }
    }

    private func advance() {
        while true {
            switch log.advanced() {
            case .nothing: return
            case .committed(let arrival): tell(arrival)
            case .repeated(let repetition): tell(repetition)
            case .skipped(let seq): observer.skipped(to: seq)
            case .passedUnstored(let seq): observer.passedUnstored(upTo: seq)
            case .fence(let ticket, let name): publishFence(ticket, name)
            case .read(let ticket, let after): read(ticket, after: after)
            case .restore(let ticket, let bodies): restore(ticket, bodies)
            case .caughtUp(let ticket, let bodies):
                restore(ticket, bodies)
                observer.caughtUp()
                flush()
            }
        }
    }

    // MARK: Questions

    private func askPlace(_ ticket: ReplicaLog.Ticket) {
        questions.place(ticket) { [weak self] place in
            guard let self else { return }
            guard let place else { return refused(.place, ticket) }
            switch log.placeAnswered(place, for: ticket) {
            case .stale: break
            case .askDeleted(let ticket): askDeleted(ticket)
            case .read(let ticket, let after): read(ticket, after: after)
            }
        }
    }

    private func askDeleted(_ ticket: ReplicaLog.Ticket) {
        questions.deletion(ticket) { [weak self] isDeleted in
            guard let self else { return }
            guard let isDeleted else { return refused(.deletion, ticket) }
            switch log.deletedAnswered(isDeleted, for: ticket) {
            case .stale: break
            case .deleted: observer.deleted()
            case .read(let ticket, let after): read(ticket, after: after)
            }
        }
    }

    private func read(_ ticket: ReplicaLog.Ticket, after seq: UInt64) {
        questions.range(after: seq) { [weak self] range in
            guard let self else { return }
            guard let range else { return refused(.range, ticket) }
            switch log.rangeRead(range.entries, of: range.epoch, for: ticket, seen: { observer.seenEntries }) {
            case .stale: return
            case .open(let ticket): return askPlace(ticket)
            case .taken: break
            case .opened(let opened):
                observer.opened(epoch: opened.epoch, isNew: opened.isNew, oldestBefore: opened.oldestBefore)
                if let seq = opened.skippedTo { observer.skipped(to: seq) }
            }
            advance()
        }
    }

    private func look(_ ticket: ReplicaLog.Ticket) {
        questions.look { [weak self] result in
            switch result {
            case .success(let place): self?.looked(place, ticket)
            case .failure: self?.refused(.look, ticket)
            }
        }
    }

    private func looked(_ place: Position?, _ ticket: ReplicaLog.Ticket) {
        if case .open(let ticket) = log.looked(place, for: ticket) { askPlace(ticket) }
    }

    private func publishFence(_ ticket: ReplicaLog.Ticket, _ name: String) {
        questions.fence(name) { [weak self] isPublished in
            if !isPublished { self?.refused(.fence, ticket) }
        }
    }

    /// The machine has decided when what was refused is asked again: nothing is done now.
    private func refused(_ question: ReplicaLog.Question, _ ticket: ReplicaLog.Ticket) {
        _ = log.refused(question, for: ticket)
    }
}

// Commits.
extension ReplicaDriver {
    /// Sends what was submitted since the last time; to be called at the end of a turn.
    func flush() {
        while true {
            switch log.flushed(sendsKept: pace == nil) {
            case .nothing: return
            case .commit(let ticket, let batch): commit(ticket, batch) { _ in }
            case .wantsTurn:
                if !isInTurn { pace?.wants(self) }
                isInTurn = true
                return
            }
        }
    }

    /// Sends a batch that begins with a message that was kept. Its end is told to the pace.
    func sendKept() {
        guard case .commit(let ticket, let batch) = log.flushed(sendsKept: true) else { return turnEnded() }
        commit(ticket, batch) { [pace] driver in
            pace?.works()
            if let driver { driver.turnEnded() } else { pace?.ended() }
        }
    }

    private func turnEnded() {
        isInTurn = false
        pace?.ended()
        flush()
    }

    private func commit(
        _ ticket: ReplicaLog.Ticket, _ batch: [Submission], ended: @escaping (ReplicaDriver?) -> Void
    ) {
        questions.commit(ticket, batch) { [weak self] answer in
            defer { ended(self) }
            guard let self else { return }
            guard let answer else { return refused(.commit, ticket) }
            take(answer, ticket, batch.map(\.body)) { index, known in
                log.repetitionFound(batch[index], first: known.place, time: known.time, isStored: known.isStored)
            }
        }
    }

    /// Commits bodies of a lost history again, batch by batch. What is no message's body can't be.
    private func restore(_ ticket: ReplicaLog.Ticket, _ bodies: [[UInt8]]) {
        let known = bodies.compactMap { body -> KeptMessage? in
            let kept = KeptMessage(body)
            if kept == nil { log.restoringFound(body, at: nil) }
            return kept
        }
        for start in stride(from: 0, to: known.count, by: Submissions.batchMax) {
            let batch = Array(known[start...].prefix(Submissions.batchMax))
            questions.restore(ticket, batch) { [weak self] answer in
                guard let self else { return }
                guard let answer else { return refused(.restoring, ticket) }
                take(answer, ticket, batch.map(\.body)) { index, known in
                    log.restoringFound(batch[index].body, at: known.place)
                }
            }
        }
    }

    private typealias Known = (place: Position, time: Int, isStored: Bool)

    /// Takes what became of messages, if the answer counts; `found` gets those that were committed before, by index.
    private func take(
        _ answer: LogCommit.Answer, _ ticket: ReplicaLog.Ticket, _ bodies: [[UInt8]], found: (Int, Known) -> Void
    ) {
        switch log.answered(of: answer.epoch, isDeleted: answer.results.isEmpty, for: ticket) {
        case .stale: return
        case .open(let ticket): askPlace(ticket)
        case .taken: break
        }
        for (index, result) in answer.results.enumerated() {
            switch result {
            case .committed(let seq, let isStored):
                heard(ReplicaLog.Entry(seq: seq, body: bodies[index], isStored: isStored), of: answer.epoch)
            case .known(let place, let time, let isStored): found(index, (place, time, isStored))
            }
        }
        advance()
    }
}
