import Core

// Own messages on their way into the log.
extension ReplicaLog {
    /// A message that the room or inbox holds.
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
        /// Its author must be notified where it stands.
        case repeated(Repetition)
        /// The same message waits here already.
        case repeatedWaiting(Submission, of: Submission)
        /// The store is away, and too much is kept already.
        case refused
    }

    /// Whether `submitted` wants to know what the history holds of a message: the store can't be asked now.
    package var wantsHeld: Bool { state.lacksStore }

    /// A member sent a message.
    /// - Parameters:
    ///   - held: where the history has it; asked for when `wantsHeld`.
    ///   - mayKeep: whether the node has room for it should the store be away.
    package mutating func submitted(_ submission: Submission, held: Held?, mayKeep: Bool) -> Submitted {
        if isClosed { return .refused }
        // Members' messages are known here, whatever becomes of the store's history.
        if wantsHeld, let known = messages.known(submission, held: held, in: epoch) { return known }
        return messages.submitted(submission, isAway: isAway, mayKeep: mayKeep)
    }

    /// The store went before a message had its place, by its number of those that `storeLost` gave.
    /// - Parameter held: where the history has it.
    package mutating func unplaced(_ number: UInt64, held: Held?) -> Submitted {
        messages.unplaced(number, held: held, in: epoch)
    }

    /// Takes back messages that wait, those of these numbers, or all; they get no place any more.
    package mutating func withdraw(_ numbers: [UInt64]?) -> [Submission] { messages.submissions.removeAll(numbers) }

    // MARK: Sending

    package enum Flushed: Sendable {
        case nothing
        case commit(Ticket, [Submission])
        /// The next message was kept for the store: it is sent in a turn of its own.
        case wantsTurn
    }

    /// Whether `flushed` would give something.
    package var hasUnsent: Bool {
        guard case .following(let following) = state else { return false }
        return !following.isCommitting && !messages.former.isAnyQueued && messages.submissions.hasUnsent
    }

    /// A turn is over, or the commit before was answered: what waits is sent, in one batch.
    /// - Parameter sendsKept: whether that may be what was kept for the store.
    package mutating func flushed(sendsKept: Bool) -> Flushed {
        guard hasUnsent, case .following(var following) = state else { return .nothing }
        if !sendsKept, messages.submissions.nextWasKept { return .wantsTurn }
        let batch = messages.submissions.takeUnsent()
        guard !batch.isEmpty else { return .nothing }
        following.isCommitting = true
        state = .following(following)
        return .commit(ticket, batch)
    }

    /// The next messages of lost histories are committed again, unless a commit is under way.
    mutating func restored() -> Advanced {
        guard case .following(var following) = state, !following.isCommitting else { return .nothing }
        let taken = messages.former.takeQueued()
        guard !taken.isEmpty else { return .nothing }
        following.isCommitting = true
        state = .following(following)
        return .restore(ticket, taken)
    }

    package enum Answered: Sendable {
        case stale
        /// Give `entryHeard`, `repetitionFound` and `restoringFound` what became of each message.
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

    /// A message that was sent was committed before. `advanced` gives it out when its first place has come here.
    package mutating func repetitionFound(_ sent: Submission, first: Position, time: Int, isStored: Bool) {
        guard case .following = state, let number = sent.number else { return }
        messages.repetitionFound(number, first: first, time: time, isStored: isStored)
    }

    /// A body that was restored was committed before, at `place`; nil: it can't be restored.
    package mutating func restoringFound(_ body: [UInt8], at place: Position?) {
        messages.restoringFound(body, at: place, newest: progress.position)
    }
}
