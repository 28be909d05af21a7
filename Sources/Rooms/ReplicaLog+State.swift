import Core

// Where a replica stands, and what that carries.
extension ReplicaLog {
    /// `opening` and `number` count the openings: a question bears the one in which it was asked.
    package enum State: Sendable {
        /// The store can't be reached, or does not serve this log: what is submitted is delivered without a place and
        /// kept.
        case away(Away)
        /// The log's place was asked for.
        case opening(LogOpening)
        /// The place is known, and what the store has is read.
        case catchingUp(CatchUp)
        /// In step but for holes: what is submitted is committed.
        case following(Following)
        case closed

        /// The number of the present opening; nil once closed.
        package var opening: UInt64? {
            switch self {
            case .away(let away): away.number
            case .opening(let opening): opening.number
            case .catchingUp(let catchUp): catchUp.number
            case .following(let following): following.number
            case .closed: nil
            }
        }
    }

    /// Where the store says that the log stands.
    package struct Place: Equatable, Sendable {
        package let epoch: String
        package let newestSeq: UInt64
        /// The seq of the first of the newest messages that are not stored; nil when the newest one is stored.
        package let unstoredFrom: UInt64?
        /// The former epochs.
        package let lineage: Lineage

        package init(epoch: String, newestSeq: UInt64, unstoredFrom: UInt64?, lineage: Lineage = Lineage()) {
            self.epoch = epoch
            self.newestSeq = newestSeq
            self.unstoredFrom = unstoredFrom
            self.lineage = lineage
        }

        /// The same without seqs that no script counts.
        var clamped: Place {
            let newest = min(newestSeq, ReplicaLog.seqMax)
            return Place(
                epoch: epoch, newestSeq: newest, unstoredFrom: unstoredFrom.map { min($0, newest) }, lineage: lineage)
        }
    }

    /// A message at its place.
    package struct Entry: Equatable, Sendable {
        package let seq: UInt64
        /// Empty: it is no message, and who follows the log gets a gap in its place.
        package let body: [UInt8]
        /// Whether the store keeps it.
        package let isStored: Bool
        /// The seq of the first of the messages directly before it that are not stored; nil when there are none, or it
        /// is not known.
        package let unstoredFrom: UInt64?
        /// Where it stood in former epochs, when it was committed again.
        package let was: [Position]
        /// The name of the commit that wrote it, which nothing else has; nil when it is not known.
        package let commit: String?

        package init(
            seq: UInt64, body: [UInt8], isStored: Bool = true, unstoredFrom: UInt64? = nil, was: [Position] = [],
            commit: String? = nil
        ) {
            self.commit = commit
            self.seq = seq
            self.body = body
            self.isStored = isStored
            self.unstoredFrom = unstoredFrom
            self.was = was
        }
    }

    package struct Away: Sendable {
        let number: UInt64
        /// The store can be reached, but it refused what this log asked, or lets nobody listen: the next look tries
        /// again.
        let isRefused: Bool
    }

    package struct LogOpening: Sendable {
        package enum Step: Equatable, Sendable {
            /// The subscription must stand first.
            case subscription
            /// Where does the log stand?
            case place
            /// The store has another entry where the newest one is here: another epoch must begin.
            case fork
            /// It has another epoch: was the history that was followed deleted, or lost?
            case deletion(Place)
            /// The first entries behind `after`, for a log that was not followed before the oldest.
            case range(Place, after: UInt64)

            /// The place was asked for.
            var asksPlace: Bool { self == .place || self == .fork }
        }

        let number: UInt64
        var step: Step
        /// The log was followed until now: entries of its history that come next are taken meanwhile. Behind an absence
        /// they wait until it is open.
        let isLive: Bool
        /// Its number among the questions of where the log stands; 0 before it was asked.
        let proof: UInt64
        /// Looks that found nobody listening.
        var looks = 0

        /// The same opening at another step.
        func at(_ step: Step) -> LogOpening { LogOpening(number: number, step: step, isLive: isLive, proof: proof) }
    }

    package struct CatchUp: Sendable {
        let number: UInt64
        /// All that was there when it was opened must be here before this ends.
        let place: Place
        let proof: UInt64
        var reading: Reading
        /// Looks since a fence was published.
        var looks = 0

        /// The first range behind an opening was read.
        init(behind opening: LogOpening, at place: Place, _ batch: Batch) {
            (number, proof) = (opening.number, opening.proof)
            self.place = place
            reading = .taking(batch)
        }
    }

    package struct Following: Sendable {
        let number: UInt64
        /// Entries before one that came too early are read; nil when none are.
        var hole: Reading?
        var looks = Looks()
        /// A commit is under way. The next one leaves when it was answered, so that batches form by themselves and none
        /// overtakes another.
        var isCommitting = false
    }

    /// One read of the log.
    package enum Reading: Sendable {
        case asked
        case taking(Batch)
        /// It waits for all that was published before, as an entry that is not stored may be on its way.
        case fenced(name: String, Batch)
    }

    /// Entries that were read and not taken yet, in their order.
    package struct Batch: Sendable {
        var rest: ArraySlice<Entry>
        /// Nothing was read at all.
        let isEmpty: Bool
        /// Publications from before the reading have come, or were lost on their way.
        var isFenced = false

        init(_ entries: [Entry]) {
            rest = entries[...]
            isEmpty = entries.isEmpty
        }
    }

    /// The mark that a question bears, and its answer must show: the opening in which it was asked, and where this node
    /// stood.
    package struct Ticket: Equatable, Sendable {
        let opening: UInt64
        package let at: Position
    }

    /// A message that was committed before.
    package struct Repetition: Sendable {
        package internal(set) var submission: Submission
        package let first: Position
        /// Unix milliseconds of the first commit.
        package let time: Int
    }

    /// An entry that is next: it must be appended and delivered now.
    package struct PlacedEntry: Sendable {
        package let entry: Entry
        /// Set when this node submitted it, and members have not seen it in a lost history.
        package let own: Submission?
        /// Members saw it in a lost history, and must not get it again.
        package let isSeen: Bool
        /// Its author repeated what members saw in a lost history: answered behind the entry.
        package let repetition: Repetition?
        /// Where it stood in former epochs, as far as that is known.
        package let was: [Position]
        /// Those places of it that this node has seen itself.
        package let held: [Position]
    }
}

// Events that concern the state alone.
extension ReplicaLog.State {
    /// Nobody listens any more: answers to former questions mean nothing.
    mutating func awaitSubscription() {
        guard let opening else { return }
        var isLive = true
        if case .opening(let opening) = self { isLive = opening.isLive }
        if case .away = self { return }
        self = .opening(ReplicaLog.LogOpening(number: opening + 1, step: .subscription, isLive: isLive, proof: 0))
    }

    /// Entries up to `seq` are here: the number of the look that has its whole answer by that.
    mutating func reached(_ seq: UInt64) -> UInt64? {
        guard case .following(var following) = self, let number = following.looks.reached(seq) else { return nil }
        self = .following(following)
        return number
    }

    /// The store can't be asked now.
    var lacksStore: Bool {
        switch self {
        case .away: true
        case .opening(let opening): !opening.isLive
        case .catchingUp, .following, .closed: false
        }
    }

    /// Whether a range was asked for behind the opening.
    var isReading: Bool {
        switch self {
        case .catchingUp(let catchUp): if case .asked = catchUp.reading { true } else { false }
        case .following(let following): if case .asked = following.hole { true } else { false }
        case .away, .opening, .closed: false
        }
    }

    /// The range was read that `isReading` is about.
    mutating func wasRead(_ batch: ReplicaLog.Batch) {
        switch self {
        case .catchingUp(var catchUp):
            catchUp.reading = .taking(batch)
            self = .catchingUp(catchUp)
        case .following(var following):
            following.hole = .taking(batch)
            self = .following(following)
        case .away, .opening, .closed: break
        }
    }

    /// A fence was heard; whether it was waited for.
    mutating func fencePassed(_ passed: String) -> Bool {
        switch self {
        case .catchingUp(var catchUp):
            guard case .fenced(passed, var batch) = catchUp.reading else { return false }
            batch.isFenced = true
            catchUp.reading = .taking(batch)
            catchUp.looks = 0
            self = .catchingUp(catchUp)
        case .following(var following):
            guard case .fenced(passed, var batch) = following.hole else { return false }
            batch.isFenced = true
            following.hole = .taking(batch)
            self = .following(following)
        case .away, .opening, .closed: return false
        }
        return true
    }

    /// A look while the log is opened; whether nobody has listened for too long.
    mutating func lookedForSubscription() -> Bool {
        guard case .opening(var opening) = self, case .subscription = opening.step else { return false }
        opening.looks += 1
        self = .opening(opening)
        return opening.looks >= ReplicaLog.looksMax
    }

    /// A look while the log catches up; whether a fence was given up.
    mutating func lookedForFence() -> Bool {
        guard case .catchingUp(var catchUp) = self, case .fenced(let name, _) = catchUp.reading else { return false }
        catchUp.looks += 1
        self = .catchingUp(catchUp)
        return catchUp.looks >= ReplicaLog.fenceLooksMax && fencePassed(name)
    }

    /// A question was refused that the log can do without.
    mutating func dropped(_ question: ReplicaLog.Question) {
        // A fence that is not answered while the log catches up is given up by the second look.
        guard case .following(var following) = self else { return }
        switch question {
        case .look: following.looks.refused()
        // The next entry that comes too early has the hole read again, or a look.
        case .range, .fence: following.hole = nil
        case .place, .deletion, .commit, .restoring: return
        }
        self = .following(following)
    }
}
