import Foundations

// What comes of the log, one entry at a time and in order.
extension ReplicaLog {
    package enum Heard: Sendable {
        /// It was here before, or it waits.
        case nothing
        /// It is next. Then `advanced` gives out what follows.
        case committed(Arrival)
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
            early.keep(entry, of: entryEpoch)
            return .nothing
        default: break
        }
        guard entryEpoch == epoch else {
            early.keep(entry, of: entryEpoch)
            guard case .following = state else { return .nothing }
            return .open(reopen(isLive: true))
        }
        guard entry.seq > newestSeq else { return .nothing }
        guard entry.seq > newestSeq + 1 else { return .committed(append(entry)) }
        early.keep(entry, of: entryEpoch)
        guard case .following(var following) = state, following.hole == nil else { return .nothing }
        following.hole = .asked
        state = .following(following)
        return .read(ticket, after: newestSeq)
    }

    /// The next entry: is it our own, and have members seen it?
    private mutating func append(_ entry: Entry) -> Arrival {
        newestSeq = entry.seq
        prove(upTo: newestSeq)
        _ = early.take(epoch, entry.seq)
        let isSeen = former.found(entry.body)
        let was = Self.union(entry.was, former.places(of: entry.body))
        guard var own = submissions.remove(like: entry.body) else {
            return Arrival(entry: entry, own: nil, isSeen: isSeen, repetition: nil, was: was)
        }
        own.isStored = entry.isStored
        guard isSeen, let first = former.firstPlace(of: entry.body) else {
            return Arrival(entry: entry, own: own, isSeen: isSeen, repetition: nil, was: was)
        }
        let repetition = Repetition(submission: own, first: first, time: Self.time(of: entry.body) ?? own.time)
        return Arrival(entry: entry, own: nil, isSeen: true, repetition: repetition, was: was)
    }

    private static func union(_ one: [Position], _ other: [Position]) -> [Position] {
        other.isEmpty ? one : one + other.filter { !one.contains($0) }
    }

    // MARK: What follows

    package enum Advanced: Sendable {
        case nothing
        case committed(Arrival)
        /// An author can be told of a message that was committed before.
        case repeated(Repetition)
        /// Entries up to `seq` will not come: the store has them no longer.
        case skipped(to: UInt64)
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
    }

    /// What comes next of what was heard and read; the driver calls it until there is nothing.
    package mutating func advanced() -> Advanced {
        if let repetition = takeRepetition() { return .repeated(repetition) }
        switch state {
        case .away, .closed: return .nothing
        case .opening(let opening): if !opening.isLive { return .nothing }
        case .catchingUp, .following: break
        }
        if let entry = early.take(epoch, newestSeq + 1) { return .committed(append(entry)) }
        switch state {
        case .catchingUp(var catchUp):
            guard case .taking(var batch) = catchUp.reading else { return .nothing }
            let result = take(&batch) ?? end(catchUp, &batch)
            guard let result else { return .caughtUp }
            catchUp.reading = reading(after: result, batch)
            state = .catchingUp(catchUp)
            return result
        case .following(let following):
            if case .taking(let batch) = following.hole, let next = hole(batch) { return next }
            return takeLost().map { .restore(ticket, $0) } ?? .nothing
        case .away, .opening, .closed: return .nothing
        }
    }

    /// Takes the next of what was read of a hole; nil when it was the last.
    private mutating func hole(_ batch: Batch) -> Advanced? {
        var batch = batch
        let result = take(&batch) ?? endHole(batch)
        guard case .following(var following) = state else { return result }
        following.hole = result.map { reading(after: $0, batch) }
        // What was missing of a lost history may be among what was passed.
        if result == nil, former.isAnyMissing, following.lost.isEmpty { following.lost = former.takeMissing()[...] }
        state = .following(following)
        return result
    }

    /// What a read is at behind a step of it.
    private func reading(after result: Advanced, _ batch: Batch) -> Reading {
        switch result {
        case .fence(_, let name): .fenced(name: name, batch)
        case .read: .asked
        default: .taking(batch)
        }
    }

    /// Takes the next of the entries that were read, and what it says of those before it; nil at the end.
    private mutating func take(_ batch: inout Batch) -> Advanced? {
        while let entry = batch.rest.first {
            // What the store has no longer, or never had.
            let stored = entry.unstoredFrom ?? entry.seq
            if skip(to: min(max(stored, 1), entry.seq) - 1) { return .skipped(to: newestSeq) }
            if entry.seq > newestSeq + 1 {
                // What was not stored was published, and may be on its way.
                guard batch.isFenced else { return makeFence() }
                return pass(upTo: entry.seq - 1)
            }
            batch.rest = batch.rest.dropFirst()
            if entry.seq > newestSeq { return .committed(append(entry)) }
        }
        return nil
    }

    /// A range was taken: what of the log is still missing? With nothing left the log is followed, and nil is returned.
    private mutating func end(_ catchUp: CatchUp, _ batch: inout Batch) -> Advanced? {
        let place = catchUp.place
        if newestSeq < place.newestSeq {
            if let unstored = place.unstoredFrom, unstored <= newestSeq + 1 {
                return batch.isFenced ? pass(upTo: place.newestSeq) : makeFence()
            }
            if !batch.isEmpty { return .read(ticket, after: newestSeq) }
        }
        var following = Following(number: catchUp.number)
        following.lost = former.takeMissing()[...]
        state = .following(following)
        prove(catchUp.proof)
        return nil
    }

    /// A hole was read: what is still missing of it?
    private func endHole(_ batch: Batch) -> Advanced? {
        guard !batch.isEmpty, let next = early.firstSeq(of: epoch), next > newestSeq else { return nil }
        return .read(ticket, after: newestSeq)
    }

    private mutating func makeFence() -> Advanced {
        fences += 1
        return .fence(ticket, name: "\(name):\(fences)")
    }

    /// A fence was heard, of this node or another; whether it was waited for. Then `advanced` goes on.
    package mutating func fencePassed(_ passed: String) -> Bool {
        switch state {
        case .catchingUp(var catchUp):
            guard case .fenced(passed, var batch) = catchUp.reading else { return false }
            batch.isFenced = true
            catchUp.reading = .taking(batch)
            catchUp.looks = 0
            state = .catchingUp(catchUp)
        case .following(var following):
            guard case .fenced(passed, var batch) = following.hole else { return false }
            batch.isFenced = true
            following.hole = .taking(batch)
            state = .following(following)
        case .away, .opening, .closed: return false
        }
        return true
    }

    /// Entries up to `seq` are no longer in the store, and can't come any more; whether something was skipped by that.
    mutating func skip(to seq: UInt64) -> Bool {
        guard seq > newestSeq else { return false }
        newestSeq = seq
        early.forget(epoch, upTo: seq)
        return true
    }

    /// Gives up the messages up to `limit` that have not come, as far as the next one that came early.
    private mutating func pass(upTo limit: UInt64) -> Advanced {
        early.forget(epoch, upTo: newestSeq)
        let next = early.firstSeq(of: epoch) ?? .max
        newestSeq = min(next - 1, limit)
        return .passedUnstored(upTo: newestSeq)
    }
}
