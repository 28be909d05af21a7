import Core
import WireProtocol

/// The messages that a replica knows beside the history: own ones that wait for their places, and such as members have
/// seen and the history does not hold. Each is found by user and id, at the same cost however many there are.
///
/// Bounds: those of its parts.
package struct ReplicaMessages {
    package internal(set) var submissions = Submissions()
    /// Of histories that the store lost.
    package internal(set) var former = FormerHistory()
    /// Of the present history.
    package private(set) var unheld = UnheldMessages()
    /// Repetitions of messages whose place is known and has not come here yet, so that it does not run ahead of the
    /// log's order. Bounded by the commits that are under way.
    private var repetitions: [ReplicaLog.Repetition] = []

    package init() {}

    // MARK: Own messages

    /// A member sent a message that the history does not hold.
    package mutating func submitted(_ submission: Submission, isAway: Bool, mayKeep: Bool) -> ReplicaLog.Submitted {
        if let first = former.firstPlace(of: submission.body) {
            return .repeated(ReplicaLog.Repetition(submission: submission, first: first, time: submission.time))
        }
        guard mayKeep || !isAway else { return .refused }
        let taken = submissions.append(submission, isProvisional: isAway)
        return isAway ? .provisional(taken) : .taken
    }

    /// The store went before a message had its place.
    /// - Parameters:
    ///   - held: where the history has it.
    ///   - epoch: the present one.
    package mutating func unplaced(
        _ number: UInt64, held: ReplicaLog.Held?, in epoch: String
    ) -> ReplicaLog.Submitted {
        guard let submission = submissions[number] else { return .taken }
        if let known = known(submission, held: held, in: epoch) {
            _ = submissions.remove(number)
            return known
        }
        return submissions.madeProvisional(number).map { .provisional($0) } ?? .taken
    }

    /// Whether a message was sent before, as far as this node knows.
    package func known(_ submission: Submission, held: ReplicaLog.Held?, in epoch: String) -> ReplicaLog.Submitted? {
        let unheld = unheld.entry(like: submission.body).map {
            ReplicaLog.Held(seq: $0.seq, time: Self.time(of: $0.body))
        }
        if let first = unheld ?? held {
            let (place, time) = (Position(epoch: epoch, seq: first.seq), first.time ?? submission.time)
            return .repeated(ReplicaLog.Repetition(submission: submission, first: place, time: time))
        }
        // One that nobody has been shown yet is no answer.
        if let waiting = submissions.first(like: submission.body), waiting.number != submission.number,
            waiting.isProvisional
        {
            return .repeatedWaiting(submission, of: waiting)
        }
        // Members saw it in a lost history: it is committed again from there, and must not be shown once more.
        return former.firstPlace(of: submission.body).map {
            .repeated(ReplicaLog.Repetition(submission: submission, first: $0, time: submission.time))
        }
    }

    private static func time(of body: [UInt8]) -> Int? { body.withUnsafeBytes(MessageBody.time) }

    /// All that waits must be sent again, and what was found of it does not count.
    package mutating func unsend() {
        submissions.unsend()
        repetitions.removeAll()
    }

    // MARK: What came of them

    /// The next entry came: is it our own, and have members seen it?
    package mutating func came(_ entry: ReplicaLog.Entry) -> ReplicaLog.PlacedEntry {
        let isSeen = former.found(entry.body)
        let places = former.places(of: entry.body)
        let was = places.isEmpty ? entry.was : entry.was + places.filter { !entry.was.contains($0) }
        guard var own = submissions.remove(like: entry.body) else {
            return ReplicaLog.PlacedEntry(
                entry: entry, own: nil, isSeen: isSeen, repetition: nil, was: was, held: places)
        }
        own.isStored = entry.isStored
        guard isSeen, let first = former.firstPlace(of: entry.body) else {
            return ReplicaLog.PlacedEntry(
                entry: entry, own: own, isSeen: isSeen, repetition: nil, was: was, held: places)
        }
        let time = Self.time(of: entry.body) ?? own.time
        let repetition = ReplicaLog.Repetition(submission: own, first: first, time: time)
        return ReplicaLog.PlacedEntry(
            entry: entry, own: nil, isSeen: true, repetition: repetition, was: was, held: places)
    }

    /// The message of that number was committed before.
    package mutating func repetitionFound(_ number: UInt64, first: Position, time: Int, isStored: Bool) {
        guard var submission = submissions[number] else { return }
        submission.isStored = isStored
        let first = former.firstPlace(of: submission.body) ?? first
        repetitions.append(ReplicaLog.Repetition(submission: submission, first: first, time: time))
    }

    /// Takes out the first repetition whose place does not run ahead; its message waits no longer.
    /// - Parameter newest: how far the log has come here.
    package mutating func takeRepetition(upTo newest: Position) -> ReplicaLog.Repetition? {
        while let index = repetitions.firstIndex(where: {
            $0.first.epoch != newest.epoch || $0.first.seq <= newest.seq
        }) {
            let repetition = repetitions.remove(at: index)
            guard let number = repetition.submission.number, submissions.remove(number) != nil else { continue }
            let (submission, first) = (repetition.submission, repetition.first)
            if submission.isProvisional, !submission.isStored, first.epoch == newest.epoch {
                unheld.append(SeenEntry(seq: first.seq, body: submission.body))
            }
            return repetition
        }
        return nil
    }

    // MARK: Lost histories

    /// The store lost the history of that epoch.
    /// - Parameters:
    ///   - seen: what members have seen of it and the room or inbox holds.
    ///   - kept: the store has its entries up to here, or has trimmed them; nil: it has none.
    package mutating func historyLost(_ epoch: String, seen: [SeenEntry], kept: UInt64?) {
        let entries = (seen + unheld.removeAll()).sorted { $0.seq < $1.seq }
        former.lost(epoch, kept.map { kept in entries.filter { $0.seq > kept } } ?? entries)
    }

    /// A body that was restored was committed before, at `place`; nil: it can't be restored. It does not come any more
    /// when its place was passed. In another history it comes when that is followed.
    package mutating func restoringFound(_ body: [UInt8], at place: Position?, newest: Position) {
        guard let place else { return _ = former.found(body) }
        guard place.epoch == newest.epoch, place.seq <= newest.seq, former.found(body) else { return }
        unheld.append(SeenEntry(seq: place.seq, body: body))
    }
}
