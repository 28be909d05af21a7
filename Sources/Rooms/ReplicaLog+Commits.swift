import Foundations
import WireProtocol

// Own messages on their way into the log.
extension ReplicaLog {
    /// What the room or inbox holds of a message.
    package struct Held: Equatable, Sendable {
        package let seq: UInt64
        /// Unix milliseconds; nil when it does not say.
        package let time: Int?

        package init(seq: UInt64, time: Int?) {
            self.seq = seq
            self.time = time
        }
    }

    package enum Submitted: Sendable {
        /// It waits for a commit.
        case taken
        /// It must be delivered without a place, and is kept.
        case provisional(Submission)
        /// Its author must be told where it stands.
        case repeated(Repetition)
        /// The same message waits here already.
        case repeatedWaiting(Submission, of: Submission)
        /// The store is away, and too much is kept already.
        case refused
    }

    /// Whether `submitted` wants to know what the history holds of a message: the store can't be asked now.
    package var wantsHeld: Bool {
        switch state {
        case .away: true
        case .opening(let opening): !opening.isLive
        case .catchingUp, .following, .closed: false
        }
    }

    /// A member sent a message.
    /// - Parameters:
    ///   - held: where the history has it; asked for when `wantsHeld`.
    ///   - mayKeep: whether the node has room for it should the store be away.
    package mutating func submitted(_ submission: Submission, held: Held?, mayKeep: Bool) -> Submitted {
        if isClosed { return .refused }
        // What members have seen is known here, whatever becomes of the store's history.
        if wantsHeld, let known = known(submission, held: held) { return known }
        if let first = former.firstPlace(of: submission.body) {
            return .repeated(Repetition(submission: submission, first: first, time: submission.time))
        }
        guard mayKeep || !isAway else { return .refused }
        let taken = submissions.append(submission, isProvisional: isAway)
        return isAway ? .provisional(taken) : .taken
    }

    /// The store went before a message had its place, by its number of those that `storeLost` gave.
    /// - Parameter held: where the history has it.
    package mutating func unplaced(_ number: UInt64, held: Held?) -> Submitted {
        guard let submission = submissions[number] else { return .taken }
        if let known = known(submission, held: held) {
            _ = submissions.remove(number)
            return known
        }
        return submissions.madeProvisional(number).map { .provisional($0) } ?? .taken
    }

    /// What this node knows of a message that was sent before.
    private func known(_ submission: Submission, held: Held?) -> Submitted? {
        let unheld = unheld.entry(like: submission.body).map { Held(seq: $0.seq, time: Self.time(of: $0.body)) }
        if let first = unheld ?? held {
            let place = Position(epoch: epoch, seq: first.seq)
            return .repeated(Repetition(submission: submission, first: place, time: first.time ?? submission.time))
        }
        guard let waiting = submissions.first(like: submission.body), waiting.number != submission.number else {
            return nil
        }
        return .repeatedWaiting(submission, of: waiting)
    }

    static func time(of body: [UInt8]) -> Int? { body.withUnsafeBytes(MessageBody.time) }

    /// Takes back all messages that wait; they get no place any more.
    package mutating func withdrawAll() -> [Submission] { submissions.removeAll() }

    // MARK: Sending

    package enum Flushed: Sendable {
        case nothing
        case commit(Ticket, [Submission])
        /// What is next was kept for the store: it is sent in a turn of its own.
        case wantsTurn
    }

    /// Whether `flushed` would give something.
    package var hasUnsent: Bool {
        guard case .following(let following) = state else { return false }
        return !following.isCommitting && following.lost.isEmpty && submissions.hasUnsent
    }

    /// A turn is over, or the commit before was answered: what waits is sent, in one batch.
    /// - Parameter sendsKept: whether that may be what was kept for the store.
    package mutating func flushed(sendsKept: Bool) -> Flushed {
        guard hasUnsent, case .following(var following) = state else { return .nothing }
        if !sendsKept, submissions.nextWasKept { return .wantsTurn }
        let batch = submissions.takeUnsent()
        guard !batch.isEmpty else { return .nothing }
        following.isCommitting = true
        state = .following(following)
        return .commit(ticket, batch)
    }

    /// The next messages of lost histories to be committed again; nil when there are none, or a commit is under way.
    mutating func takeLost() -> [LostMessage]? {
        guard case .following(var following) = state, !following.isCommitting, !following.lost.isEmpty else {
            return nil
        }
        var (taken, bytes) = ([LostMessage](), 0)
        while let next = following.lost.first, taken.count < Submissions.batchMax, bytes < Submissions.batchBytesMax {
            following.lost.removeFirst()
            guard former.isMissing(next.body) else { continue }
            taken.append(next)
            bytes += next.body.count
        }
        following.isCommitting = !taken.isEmpty
        state = .following(following)
        return taken.isEmpty ? nil : taken
    }

    package enum Answered: Sendable {
        case stale
        /// Tell `entryHeard`, `repetitionFound` and `restoringFound` what became of each message.
        case taken
        /// The same, and ask for the log's place: it is another history, or the one that was meant was deleted.
        case open(Ticket)
    }

    /// The store answered a commit, or a restoring.
    package mutating func answered(of answerEpoch: String, isDeleted: Bool, for ticket: Ticket) -> Answered {
        guard !isStale(ticket), case .following(var following) = state else { return .stale }
        following.isCommitting = false
        state = .following(following)
        return answerEpoch == epoch && !isDeleted ? .taken : .open(reopen(isLive: true))
    }

    /// A message that was sent was committed before. `advanced` tells it when its first place has come here.
    package mutating func repetitionFound(_ sent: Submission, first: Position, time: Int, isStored: Bool) {
        guard case .following(var following) = state, let number = sent.number, var submission = submissions[number]
        else { return }
        submission.isStored = isStored
        let first = former.firstPlace(of: submission.body) ?? first
        following.repetitions.append(Repetition(submission: submission, first: first, time: time))
        state = .following(following)
    }

    /// A body that was restored was committed before, at `place`; nil: it can't be restored. It does not come any more
    /// when its place was passed. In another history it comes when that is followed.
    package mutating func restoringFound(_ body: [UInt8], at place: Position?) {
        guard let place else { return _ = former.found(body) }
        guard place.epoch == epoch, place.seq <= newestSeq, former.found(body) else { return }
        unheld.append(SeenEntry(seq: place.seq, body: body))
    }

    /// The first repetition whose place does not run ahead; its message waits no longer.
    mutating func takeRepetition() -> Repetition? {
        guard case .following(var following) = state, !following.repetitions.isEmpty else { return nil }
        while let index = following.repetitions.firstIndex(where: {
            $0.first.epoch != epoch || $0.first.seq <= newestSeq
        }) {
            let repetition = following.repetitions.remove(at: index)
            state = .following(following)
            guard let number = repetition.submission.number, submissions.remove(number) != nil else { continue }
            let (submission, first) = (repetition.submission, repetition.first)
            if submission.isProvisional, !submission.isStored, first.epoch == epoch {
                unheld.append(SeenEntry(seq: first.seq, body: submission.body))
            }
            return repetition
        }
        return nil
    }
}
