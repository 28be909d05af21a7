import Core

// The log's entries come, one at a time and in order.
extension ReplicaLog {
    package enum Heard: Sendable {
        /// It was here before, or it waits.
        case nothing
        /// It is next. Then `advanced` gives out what follows.
        case committed(PlacedEntry)
        /// It came too early: read entries behind `after`, and the log's epoch behind them.
        case read(Ticket, after: UInt64)
        /// It belongs to another history: ask for the log's place.
        case open(Ticket)
    }

    /// An epoch began in place of another one.
    /// - Returns: the question for the log's place; nil when it is the one that is followed, or not the time to ask.
    package mutating func epochBegan(_ begun: String) -> Ticket? { begun == epoch ? nil : doubted() }

    /// An entry of the log was heard of, from a publication or an answer.
    package mutating func entryHeard(_ entry: Entry, of entryEpoch: String) -> Heard {
        guard 1...Self.seqMax ~= entry.seq else { return .nothing }
        switch state {
        case .away, .closed: return .nothing
        case .opening(let opening) where !opening.isLive:
            progress.keep(entry, of: entryEpoch)
            return .nothing
        default: break
        }
        switch progress.heard(entry, of: entryEpoch) {
        case .known: return .nothing
        case .next: return .committed(append(entry))
        case .foreign:
            guard case .following = state else { return .nothing }
            return .open(reopen(isLive: true))
        case .early:
            guard case .following(var following) = state, following.hole == nil else { return .nothing }
            following.hole = .asked
            state = .following(following)
            return .read(ticket, after: newestSeq)
        }
    }

    private mutating func append(_ entry: Entry) -> PlacedEntry {
        progress.appended(entry)
        if let number = state.reached(newestSeq) { proofs.prove(number) }
        return messages.came(entry)
    }

    // MARK: What follows

    package enum Advanced: Sendable {
        case nothing
        case committed(PlacedEntry)
        /// A message was committed before, and its author can be notified.
        case repeated(Repetition)
        /// Entries up to `seq` will not come: the store has them no longer.
        case skipped(to: UInt64)
        /// Entries up to `seq` will not come: the store lost them, and not those before.
        case lost(upTo: UInt64)
        /// Entries up to `seq` will not come: the store was not to keep them, and what was published of them was
        /// missed.
        case passedUnstored(upTo: UInt64)
        /// Publish a fence of that name on the log's channel.
        case fence(Ticket, name: String)
        /// Read entries behind `after`, and the log's epoch behind them.
        case read(Ticket, after: UInt64)
        /// Commit these messages again, in their order and before what waits.
        case restore(Ticket, [LostMessage])
        /// All that the store had when the log was opened has come.
        case caughtUp

        /// How far a read is behind this step of it.
        func reading(_ batch: Batch) -> Reading {
            switch self {
            case .fence(_, let name): .fenced(name: name, batch)
            case .read: .asked
            default: .taking(batch)
            }
        }
    }

    /// The next of what was heard and read; the driver calls it until there is nothing.
    package mutating func advanced() -> Advanced {
        switch state {
        case .away, .closed: return .nothing
        case .opening(let opening): if !opening.isLive { return .nothing }
        case .catchingUp: break
        case .following:
            if let repetition = messages.takeRepetition(upTo: progress.position) { return .repeated(repetition) }
        }
        if let entry = progress.takeNext() { return .committed(append(entry)) }
        switch state {
        case .catchingUp(var catchUp):
            guard case .taking(var batch) = catchUp.reading else { return .nothing }
            guard let step = progress.take(&batch) ?? progress.missing(behind: batch, of: catchUp.place) else {
                caughtUp(catchUp)
                return .caughtUp
            }
            let result = gaveOut(step)
            catchUp.reading = result.reading(batch)
            state = .catchingUp(catchUp)
            return result
        case .following(let following):
            if case .taking(let batch) = following.hole, let next = hole(batch) { return next }
            return restored()
        case .away, .opening, .closed: return .nothing
        }
    }

    /// Takes the next of what was read of a hole; nil when it was the last.
    private mutating func hole(_ batch: Batch) -> Advanced? {
        var batch = batch
        let result = (progress.take(&batch) ?? progress.missingOfHole(behind: batch)).map { gaveOut($0) }
        guard case .following(var following) = state else { return result }
        following.hole = result.map { $0.reading(batch) }
        state = .following(following)
        // What was missing of a lost history may be among what was passed.
        if result == nil, former.isAnyMissing, !former.isAnyQueued { messages.former.queueMissing() }
        return result
    }

    private mutating func gaveOut(_ step: LogProgress.Step) -> Advanced {
        switch step {
        case .entry(let entry): return .committed(append(entry))
        case .skipped: return .skipped(to: newestSeq)
        case .lost: return .lost(upTo: newestSeq)
        case .passed: return .passedUnstored(upTo: newestSeq)
        case .readsOn: return .read(ticket, after: newestSeq)
        case .needsFence:
            fences += 1
            return .fence(ticket, name: "\(name):\(fences)")
        }
    }

    /// All is here that was there when the log was opened: it is followed.
    private mutating func caughtUp(_ catchUp: CatchUp) {
        messages.former.queueMissing()
        state = .following(Following(number: catchUp.number))
        proofs.prove(catchUp.proof)
    }

    /// A fence was heard, of this node or another; whether it was waited for. Then `advanced` goes on.
    package mutating func fencePassed(_ passed: String) -> Bool { state.fencePassed(passed) }
}
