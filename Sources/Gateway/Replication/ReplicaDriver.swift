import ClusterState
import Core
import Rooms

/// Drives the log of one room, or one user's inbox: asks the store what `ReplicaLog` wants to know, hands it the
/// answers, and notifies the observer of what came of it.
///
/// Thread: the home's; the store's completions come on it.
final class ReplicaDriver {
    /// How long who comes waits for a log that is being restored to be in step: far longer than that takes.
    static let openingWaitMilliseconds = 3_000

    private(set) var log: ReplicaLog
    let questions: LogQuestions
    private let pace: ResyncPace?
    private unowned let observer: any ReplicaObserver
    /// It waits for its turn at sending what was kept, or has sent a part of that.
    private var isInTurn = false
    /// The question for the log's place waits among those of all logs.
    private var isPlaceDelayed = false

    /// - Parameter pace: when messages that were kept are sent; nil: at once.
    init(
        _ questions: LogQuestions, isStoreAway: Bool, pace: ResyncPace? = nil, observer: any ReplicaObserver
    ) {
        log = ReplicaLog(name: questions.terms.makeID(), limits: questions.limits, isStoreAway: isStoreAway)
        self.questions = questions
        self.pace = pace
        self.observer = observer
    }

    // MARK: Events

    /// Takes a message; false when the store is away and `mayKeep` is false, unless it repeats one.
    func submit(_ submission: Submission, mayKeep: Bool) -> Bool {
        let held = log.wantsHeld ? observer.held(like: submission.body) : nil
        let isTaken = notify(log.submitted(submission, held: held, mayKeep: mayKeep))
        // A log in which something is said goes before those that are only followed.
        if isPlaceDelayed, log.submissions.count > 0, let ticket = log.hurried() { askPlace(ticket) }
        return isTaken
    }

    func storeLost() { unplace(log.storeLost()) }

    func storeReturned() { if let ticket = log.storeReturned() { askPlace(ticket) } }

    func subscribed() { if let ticket = log.subscribed() { askPlace(ticket) } }

    func interrupted() { log.interrupted() }

    /// Something may have been lost, or can't be read: asks the store.
    func doubted() { if let ticket = log.doubted() { askPlace(ticket) } }

    func epochBegan(_ epoch: String) { if let ticket = log.epochBegan(epoch) { askPlace(ticket) } }

    /// Somebody came with a position that is not known here, or the store may have lost the log: asks where it stands,
    /// unless that was asked and not answered yet. The observer is notified when the answer is here.
    func doubtsPosition() { if let ticket = log.doubtsPosition() { look(ticket) } }

    /// The log goes on without the store: what waits is delivered without a place. A message of a link that another
    /// node may hold by now is not: it waits for the store to say whether it gets a place.
    private func unplace(_ numbers: [UInt64]) {
        for number in numbers {
            let waiting = log.submissions[number]
            if case .link(let author)? = waiting?.author, !author.mayAct() { continue }
            let held = waiting.flatMap { observer.held(like: $0.body) }
            _ = notify(log.unplaced(number, held: held))
        }
    }

    func heard(_ entry: ReplicaLog.Entry, of epoch: String) {
        switch log.entryHeard(entry, of: epoch) {
        case .nothing: break
        case .committed(let arrival):
            notify(arrival)
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
        case .lost(let numbers): wentAway(numbers)
        }
    }

    /// Has the store keep the log for another while, when that is due: somebody is here (loop milliseconds).
    func refresh(at now: Int) {
        guard let ticket = log.used(at: now) else { return }
        questions.keep(ticket, log.lineage) { [weak self] place in
            guard let self else { return }
            guard let place else { return refused(.look, ticket) }
            looked(place, ticket)
        }
    }

    func close() { log.closed() }

    /// Gives back all messages that wait for a place; they get none any more.
    func withdrawAll() -> [Submission] { log.withdraw(nil) }

    // MARK: What comes of them

    private func notify(_ submitted: ReplicaLog.Submitted) -> Bool {
        switch submitted {
        case .taken: break
        case .provisional(let submission): observer.provisional(submission)
        case .repeated(let repetition): notify(repetition)
        case .repeatedWaiting(let submission, let waiting): observer.repeatedWaiting(submission, of: waiting)
        case .refused: return false
        }
        return true
    }

    private func notify(_ repetition: ReplicaLog.Repetition) {
        observer.repeated(repetition.submission, first: repetition.first, time: repetition.time)
    }

    private func notify(_ arrival: ReplicaLog.PlacedEntry) {
        observer.committed(arrival)
        if let repetition = arrival.repetition { notify(repetition) }
    }

    private func advance() {
        while true {
            switch log.advanced() {
            case .nothing: return
            case .committed(let arrival): notify(arrival)
            case .repeated(let repetition): notify(repetition)
            case .skipped(let seq): observer.skipped(to: seq)
            case .lost(let seq): observer.lost(upTo: seq)
            case .passedUnstored(let seq): observer.passedUnstored(upTo: seq)
            case .fence(let ticket, let name): publishFence(ticket, name)
            case .read(let ticket, let after): read(ticket, after: after)
            case .restore(let ticket, let messages): restore(ticket, messages)
            case .caughtUp:
                observer.caughtUp()
                flush()
            }
        }
    }

    // MARK: Questions

    private func askPlace(_ ticket: ReplicaLog.Ticket, forks: Bool = false) {
        isPlaceDelayed = log.submissions.count == 0
        questions.place(ticket, log.lineage, isAwaited: !isPlaceDelayed, forks: forks) { [weak self] place in
            guard let self else { return }
            isPlaceDelayed = false
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
            switch log.rangeRead(range, for: ticket, seen: { observer.seenEntries }) {
            case .stale: return
            case .open(let ticket): return askPlace(ticket)
            case .fork(let ticket): return askPlace(ticket, forks: true)
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

    private func looked(_ place: ReplicaLog.Place?, _ ticket: ReplicaLog.Ticket) {
        switch log.looked(place, for: ticket) {
        case .stale: break
        case .nothing: observer.answered()
        case .open(let ticket): askPlace(ticket)
        }
    }

    private func publishFence(_ ticket: ReplicaLog.Ticket, _ name: String) {
        questions.fence(name) { [weak self] isPublished in
            if !isPublished { self?.refused(.fence, ticket) }
        }
    }

    /// The machine decides when what was refused is asked again.
    private func refused(_ question: ReplicaLog.Question, _ ticket: ReplicaLog.Ticket) {
        if case .lost(let numbers) = log.refused(question, for: ticket) { wentAway(numbers) }
    }

    /// The store is there and does not serve this log.
    private func wentAway(_ numbers: [UInt64]) {
        unplace(numbers)
        observer.wentAway()
    }
}

// Commits.
extension ReplicaDriver {
    /// Sends what waits, if no commit is under way; to be called at the end of a turn.
    func flush() {
        switch log.flushed(sendsKept: pace == nil) {
        case .nothing: break
        case .commit(let ticket, let batch): commit(ticket, batch) { _ in }
        case .wantsTurn:
            if !isInTurn { pace?.wants(self) }
            isInTurn = true
        }
    }

    /// Sends a batch that begins with a message that was kept. The pace is notified of its end.
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
        let name = questions.terms.makeID()
        questions.commit(ticket, log.lineage, batch, named: name) { [weak self] answer in
            defer { ended(self) }
            guard let self else { return }
            guard let answer else { return refused(.commit, ticket) }
            let refused = zip(batch, answer.results).compactMap { $1 == .fenced ? $0.number : nil }
            if !refused.isEmpty { observer.fenced(log.withdraw(refused)) }
            take(answer, ticket, batch.map(\.body), named: name) { index, known in
                log.repetitionFound(batch[index], first: known.place, time: known.time, isStored: known.isStored)
            }
        }
    }

    /// Commits messages of a lost history again. What is no message's body can't be.
    private func restore(_ ticket: ReplicaLog.Ticket, _ messages: [LostMessage]) {
        let batch = messages.compactMap { lost -> (message: KeptMessage, was: [Position])? in
            guard let kept = KeptMessage(lost.body) else {
                log.restoringFound(lost.body, at: nil)
                return nil
            }
            return (kept, lost.was)
        }
        let name = questions.terms.makeID()
        questions.restore(ticket, log.lineage, batch, named: name) { [weak self] answer in
            guard let self else { return }
            guard let answer else { return refused(.restoring, ticket) }
            take(answer, ticket, batch.map(\.message.body), named: name) { index, known in
                log.restoringFound(batch[index].message.body, at: known.place)
            }
        }
    }

    private typealias Known = (place: Position, time: Int, isStored: Bool)

    /// Takes what became of messages, if the answer counts; `found` gets those that were committed before, by index.
    private func take(
        _ answer: LogCommit.Outcome, _ ticket: ReplicaLog.Ticket, _ bodies: [[UInt8]], named name: String,
        found: (Int, Known) -> Void
    ) {
        let isDeleted = answer.results.isEmpty && !bodies.isEmpty
        switch log.answered(of: answer.epoch, isDeleted: isDeleted, for: ticket) {
        case .stale: return
        case .open(let ticket): askPlace(ticket)
        case .taken: break
        }
        for (index, result) in answer.results.enumerated() {
            switch result {
            case .committed(let seq, let isStored, let was):
                let entry = ReplicaLog.Entry(seq: seq, body: bodies[index], isStored: isStored, was: was, commit: name)
                heard(entry, of: answer.epoch)
            case .known(let place, let time, let isStored): found(index, (place, time, isStored))
            case .fenced: break
            }
        }
        advance()
        observer.answered()
        if log.hasUnsent { flush() }
    }
}
