import Foundations

// How a replica finds its place in the log, and what comes of questions without an answer.
extension ReplicaLog {
    package enum PlaceAnswered: Sendable {
        case stale
        /// Ask whether the history that was followed was deleted.
        case askDeleted(Ticket)
        /// Read entries behind `after`, and the log's epoch behind them.
        case read(Ticket, after: UInt64)
    }

    /// The store said where the log stands, and made it if it was not there.
    package mutating func placeAnswered(_ place: Place, for ticket: Ticket) -> PlaceAnswered {
        guard !isStale(ticket), case .opening(let opening) = state, opening.step.asksPlace else { return .stale }
        let newest = min(place.newestSeq, Self.seqMax)
        let place = Place(
            epoch: place.epoch, newestSeq: newest, unstoredFrom: place.unstoredFrom.map { min($0, newest) },
            lineage: place.lineage)
        guard epoch.isEmpty || place.epoch == epoch else {
            step(opening, .deletion(place))
            return .askDeleted(self.ticket)
        }
        return readFirst(opening, place)
    }

    package enum DeletedAnswered: Sendable {
        case stale
        /// Nothing of the history that was followed may be restored.
        case deleted
        case read(Ticket, after: UInt64)
    }

    /// The store said whether the history that was followed was deleted, rather than lost.
    package mutating func deletedAnswered(_ isDeleted: Bool, for ticket: Ticket) -> DeletedAnswered {
        guard !isStale(ticket), case .opening(let opening) = state, case .deletion(let place) = opening.step else {
            return .stale
        }
        // The observer closes the log; should it not, the third look asks again.
        if isDeleted { return .deleted }
        guard case .read(let ticket, let after) = readFirst(opening, place) else { return .stale }
        return .read(ticket, after: after)
    }

    /// Finds the oldest entry, for a log that was not followed before, or the first that is missing.
    private mutating func readFirst(_ opening: Opening, _ place: Place) -> PlaceAnswered {
        let after = place.epoch == epoch ? newestSeq : 0
        step(opening, .range(place, after: after))
        return .read(ticket, after: after)
    }

    private mutating func step(_ opening: Opening, _ step: Opening.Step) {
        var opening = opening
        opening.step = step
        opening.looks = 0
        state = .opening(opening)
    }

    package enum RangeRead: Sendable {
        case stale
        /// Ask for the log's place: it is another history by now.
        case open(Ticket)
        /// Have the store begin another epoch, as it has other entries of this one: the question for the place says so.
        case fork(Ticket)
        /// The log is open; then `advanced` gives out what was read.
        case opened(Opened)
        /// `advanced` gives out what was read.
        case taken
    }

    package struct Opened: Equatable, Sendable {
        package let epoch: String
        /// It is another history than before, or the first.
        package let isNew: Bool
        /// Entries up to here are not in the store.
        package let oldestBefore: UInt64
        /// Entries of the known history up to here will not come.
        package let skippedTo: UInt64?
    }

    /// What one read of the log brought.
    package struct Range: Sendable {
        let entries: [Entry]
        let epoch: String?
        /// The beginning of the entry behind which it was read, when the store has it.
        let tail: [UInt8]?

        package init(_ entries: [Entry], of epoch: String?, tail: [UInt8]? = nil) {
            self.entries = entries
            self.epoch = epoch
            self.tail = tail
        }
    }

    /// Entries were read.
    /// - Parameters:
    ///   - held: the body of an entry by its seq, if it is held here.
    ///   - seen: what members have seen of the history so far; called when another one begins.
    package mutating func rangeRead(
        _ range: Range, for ticket: Ticket, held: (UInt64) -> [UInt8]? = { _ in nil }, seen: () -> [SeenEntry]
    ) -> RangeRead {
        guard !isStale(ticket) else { return .stale }
        let readEpoch = range.epoch
        let batch = Batch(range.entries.filter { 1...Self.seqMax ~= $0.seq })
        switch state {
        case .opening(let opening):
            guard case .range(let place, let after) = opening.step else { return .stale }
            guard readEpoch == place.epoch else { return .open(reopen(isLive: opening.isLive)) }
            if place.epoch == epoch, after > 0, let tail = range.tail, let held = held(after), !Self.isSame(held, tail)
            {
                step(opening, .fork)
                return .fork(self.ticket)
            }
            let opened = opened(place, after: after, first: batch.rest.first, seen)
            state = .catchingUp(
                CatchUp(number: opening.number, place: place, proof: opening.proof, reading: .taking(batch)))
            return .opened(opened)
        case .catchingUp(var catchUp):
            guard case .asked = catchUp.reading else { return .stale }
            guard readEpoch == epoch else { return .open(reopen(isLive: true)) }
            catchUp.reading = .taking(batch)
            state = .catchingUp(catchUp)
            return .taken
        case .following(var following):
            guard case .asked = following.hole else { return .stale }
            guard readEpoch == epoch else { return .open(reopen(isLive: true)) }
            following.hole = .taking(batch)
            state = .following(following)
            return .taken
        case .away, .closed: return .stale
        }
    }

    /// Whether an entry that is held here is the one of which the store has this beginning.
    private static func isSame(_ held: [UInt8], _ tail: [UInt8]) -> Bool {
        held.starts(with: tail) || MessageKey.areSame(held, tail)
    }

    /// The history has a beginning now. All own messages that wait must be sent (again).
    private mutating func opened(
        _ place: Place, after: UInt64, first: Entry?, _ seen: () -> [SeenEntry]
    ) -> Opened {
        let stored = first.map { min($0.unstoredFrom ?? $0.seq, $0.seq) }
        let oldest = stored ?? place.unstoredFrom ?? max(place.newestSeq, after) + 1
        let oldestBefore = max(oldest, 1) - 1
        submissions.unsend()
        early.forget(allBut: place.epoch)
        lineage = place.lineage
        guard place.epoch != epoch else {
            let isSkipped = skip(to: oldestBefore)
            return Opened(
                epoch: epoch, isNew: false, oldestBefore: oldestBefore, skippedTo: isSkipped ? newestSeq : nil)
        }
        if !epoch.isEmpty {
            // With entries from before the fork the store has kept what it was to keep: older ones were trimmed there.
            let isKept = stored.map { $0 <= lineage.fork(of: epoch) ?? 0 } ?? false
            let entries = (seen() + unheld.removeAll()).sorted { $0.seq < $1.seq }
            former.lost(epoch, isKept ? entries.filter { $0.seq > oldestBefore } : entries)
        }
        epoch = place.epoch
        newestSeq = oldestBefore
        return Opened(epoch: epoch, isNew: true, oldestBefore: oldestBefore, skippedTo: nil)
    }

    // MARK: Without an answer

    /// What was asked of the store.
    package enum Question: CaseIterable, Sendable {
        case place, deletion, range, fence, commit, restoring, look
    }

    package enum Refused: Equatable, Sendable {
        case stale
        /// The log goes on without the store until the next look: `unplaced` decides what becomes of each of these
        /// messages.
        case lost([UInt64])
        /// Asked again when there is a reason.
        case dropped
    }

    /// The store answered with an error, with something that can't be read, or not at all: nothing is known of what was
    /// asked. What a log can't do without makes it go on without the store, so that nobody waits for an answer; the
    /// next look tries again, and all that waits is sent again then, in order.
    package mutating func refused(_ question: Question, for ticket: Ticket) -> Refused {
        guard !isStale(ticket) else { return .stale }
        switch (state, question) {
        case (.opening, .place), (.opening, .deletion), (.opening, .range), (.catchingUp, .range),
            (.following, .commit), (.following, .restoring):
            return .lost(wentAway(isRefused: true))
        case (.following(var following), .look):
            following.look = nil
            state = .following(following)
            return .dropped
        // The next entry that comes too early has the hole read again, or a look.
        case (.following(var following), .range), (.following(var following), .fence):
            following.hole = nil
            state = .following(following)
            return .dropped
        // A fence that is not answered is given up by the second look.
        default: return .dropped
        }
    }
}
