import Core

// How a replica finds its place in the log, and how questions without an answer end.
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
        let place = place.clamped
        guard epoch.isEmpty || place.epoch == epoch else {
            state = .opening(opening.at(.deletion(place)))
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
    private mutating func readFirst(_ opening: LogOpening, _ place: Place) -> PlaceAnswered {
        let after = place.epoch == epoch ? newestSeq : 0
        state = .opening(opening.at(.range(place, after: after)))
        return .read(ticket, after: after)
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

    /// An entry of the store.
    package struct Tail: Sendable {
        /// The name of the commit that wrote it; nil when the store does not say.
        let commit: String?

        package init(commit: String?) { self.commit = commit }
    }

    /// The answer to one read of the log.
    package struct Range: Sendable {
        let entries: [Entry]
        let epoch: String?
        /// The entry behind which it was read; nil when the store does not have it.
        let tail: Tail?

        /// Whether the entry behind which it was read is the one that a commit of that name wrote here, and so all that
        /// came before it, too: nothing else has the name. Without a name nothing is known.
        func follows(_ commit: String?) -> Bool {
            guard let tail = tail?.commit, let commit else { return true }
            return tail == commit
        }

        /// The seq of the first entry of which the store says something; nil: there is none.
        var firstStored: UInt64? {
            entries.first { 1...ReplicaLog.seqMax ~= $0.seq }.map { min($0.unstoredFrom ?? $0.seq, $0.seq) }
        }

        package init(_ entries: [Entry], of epoch: String?, tail: Tail? = nil) {
            self.entries = entries
            self.epoch = epoch
            self.tail = tail
        }
    }

    /// Entries were read.
    /// - Parameter seen: what members have seen of the history so far; called when another one begins.
    package mutating func rangeRead(_ range: Range, for ticket: Ticket, seen: () -> [SeenEntry]) -> RangeRead {
        guard !isStale(ticket) else { return .stale }
        let batch = Batch(range.entries.filter { 1...Self.seqMax ~= $0.seq })
        switch state {
        case .opening(let opening):
            guard case .range(let place, let after) = opening.step else { return .stale }
            guard range.epoch == place.epoch else { return .open(reopen(isLive: opening.isLive)) }
            if place.epoch == epoch, after > 0, !range.follows(progress.commit(at: after)) {
                state = .opening(opening.at(.fork))
                return .fork(self.ticket)
            }
            let opened = opened(place, after: after, range, seen)
            state = .catchingUp(CatchUp(behind: opening, at: place, batch))
            return .opened(opened)
        case .catchingUp, .following:
            guard state.isReading else { return .stale }
            guard range.epoch == epoch, range.follows(progress.commit(at: ticket.at.seq)) else {
                return .open(reopen(isLive: true))
            }
            state.wasRead(batch)
            return .taken
        case .away, .closed: return .stale
        }
    }

    /// The history has a beginning now. All own messages that wait must be sent (again).
    private mutating func opened(_ place: Place, after: UInt64, _ range: Range, _ seen: () -> [SeenEntry]) -> Opened {
        let former = epoch
        let stored = range.firstStored
        messages.unsend()
        let opened = progress.opened(place, after: after, stored: stored, hasOlder: after > 0 && range.tail != nil)
        if opened.isNew, !former.isEmpty {
            // With entries from before the fork the store has kept what it was to keep: older ones were trimmed there.
            let isKept = stored.map { $0 <= lineage.fork(of: former) ?? 0 } ?? false
            messages.historyLost(former, seen: seen(), kept: isKept ? opened.oldestBefore : nil)
        }
        return opened
    }

    // MARK: Without an answer

    /// The kinds of questions to the store.
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
        default:
            state.dropped(question)
            return .dropped
        }
    }
}
