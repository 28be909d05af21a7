import ClusterState
import Core
import Logging

/// Who is in rooms, and connected as users, on this node, on its way to the store: a bounded number at a time, and
/// again until the store has it, also when the room was forgotten here meanwhile.
///
/// While the store is away only departures are kept: who is in goes there when the room is compared with the store.
/// Where the operator's server wants events, arrivals and departures are made in the store one by one, and its answers
/// say which of them are events; while it is away, what is known here does.
///
/// Thread: the worker's.
final class PresenceLedger {
    /// Entries that are under way at once: Redis is busy with them for half a millisecond, and so nobody waits longer
    /// behind them.
    private static let underWayMax = 64
    /// Departures that are kept while the store is away. Beyond, others see those users for as long as this node lives.
    private static let departuresMax = 250_000
    /// The wait after the store refused one.
    private static let retryMilliseconds = 500
    /// Nodes that died last: the store may still have users of theirs.
    private static let goneMax = 8

    private struct Key: Hashable {
        let channel: [UInt8]
        let user: Identifier
    }

    /// A change to be made in the store.
    private struct Step {
        /// Empty: the user is not in any more.
        var record: [UInt8]
        var claim: PresenceClaim?
        let number: Int
    }

    private struct Entry {
        let keys: LogKeys
        let place: PresencePlace
        /// The first one is sent first; several only where each is an arrival or a departure.
        var steps: [Step]
        var isUnderWay = false
    }

    private let store: any Store
    private let boot: String
    private let logger: Logger
    /// nil when the operator's server wants no events.
    private let events: EventWriter?
    private var entries: [Key: Entry] = [:]
    /// Those that are not under way, in the order in which they are sent. A key of no entry is passed over.
    private var order = FIFO<Key>()
    private var underWay = 0
    private var lastNumber = 0
    /// Arrivals while the store was away of which not all could be said. Bound: `departuresMax`.
    private var unsaid: [Key: PresenceClaim] = [:]
    /// Nodes that the store may not know of, and that may have users; the last ones.
    private var others: [String] = []
    /// Until then nothing is sent (loop milliseconds); nil: it is sent at once.
    private var pausedUntil: Int?
    private var now = 0
    private var isStoreAway = false
    private var hasOverflowed = false

    init(_ store: any Store, boot: String, logger: Logger, events: EventWriter? = nil) {
        self.store = store
        self.boot = boot
        self.logger = logger
        self.events = events
    }

    /// Entries that the store does not have yet.
    var count: Int { entries.count }

    /// The other nodes, and those that have gone, the last one at the end.
    func nodesChanged(_ living: [String], gone: [String]) { others = living + gone.suffix(Self.goneMax) }

    /// Publishes what a user is in with on this node; an empty record: with nothing any more.
    /// - Parameter claim: set when the user came or went.
    func publish(
        _ keys: LogKeys, _ place: PresencePlace, _ user: Identifier, _ record: [UInt8], _ claim: PresenceClaim? = nil
    ) {
        let key = Key(channel: keys.channel, user: user)
        lastNumber += 1
        let step = Step(record: record, claim: events == nil ? nil : claim, number: lastNumber)
        if isStoreAway { return note(key, keys, place, step) }
        if entries[key] != nil {
            add(step, to: key)
        } else {
            append(key, Entry(keys: keys, place: place, steps: [step]))
        }
        pump()
    }

    /// Publishes again who is in, as the store lacks it.
    func republish(
        _ keys: LogKeys, _ place: PresencePlace, _ user: Identifier, _ record: [UInt8], at time: Int
    ) {
        let claim =
            unsaid.removeValue(forKey: Key(channel: keys.channel, user: user))
            ?? PresenceClaim(isArrival: true, at: time, known: [], isRepublished: true)
        publish(keys, place, user, record, claim)
    }

    private func append(_ key: Key, _ entry: Entry) {
        entries[key] = entry
        order.append(key)
    }

    /// Adds a step behind what waits; what is no arrival or departure only changes the record.
    private func add(_ step: Step, to key: Key) {
        guard var entry = entries[key] else { return }
        let last = entry.steps.count - 1
        let isSent = entry.isUnderWay && last == 0
        if isSent || entry.steps[last].claim != nil && step.claim != nil {
            entry.steps.append(step)
        } else {
            entry.steps[last].record = step.record
            entry.steps[last].claim = entry.steps[last].claim ?? step.claim
        }
        entries[key] = entry
    }

    /// As `publish`, while the store is away.
    private func note(_ key: Key, _ keys: LogKeys, _ place: PresencePlace, _ step: Step) {
        var step = step
        say(&step.claim, place, key.user)
        if let claim = step.claim {
            let isKept = claim.isArrival && claim.isOpen && unsaid.count < Self.departuresMax
            unsaid[key] = isKept ? claim : nil
        }
        if let entry = entries[key], entry.isUnderWay {
            add(step, to: key)
        } else if !step.record.isEmpty {
            entries[key] = nil
        } else if entries[key] != nil {
            entries[key]?.steps = [step]
        } else if entries.count < Self.departuresMax {
            append(key, Entry(keys: keys, place: place, steps: [step]))
        } else if !hasOverflowed {
            hasOverflowed = true
            logger.error("Redis is away for so long that not all who leave can be remembered for the other nodes")
        }
    }

    // MARK: Events

    /// Says without the store that somebody came or went.
    private func say(_ claim: inout PresenceClaim?, _ place: PresencePlace, _ user: Identifier) {
        guard let levels = claim?.unanswered() else { return }
        say(levels, claim, place, user)
    }

    private func say(
        _ levels: PresenceVerdict, _ claim: PresenceClaim?, _ place: PresencePlace, _ user: Identifier,
        isTakenBack: Bool = false
    ) {
        guard let claim else { return }
        events?.add(
            levels, in: place, of: user, isArrival: claim.isArrival != isTakenBack, at: claim.time,
            device: claim.device)
    }

    /// The store can't be asked: what waits for its answers is said now, in the order in which it happened.
    private func sayAll() {
        guard events != nil else { return }
        let waiting = entries.flatMap { key, entry in entry.steps.indices.map { (key, $0, entry.steps[$0].number) } }
        for (key, index, _) in waiting.sorted(by: { $0.2 < $1.2 }) {
            guard let place = entries[key]?.place else { continue }
            var claim = entries[key]?.steps[index].claim
            say(&claim, place, key.user)
            entries[key]?.steps[index].claim = claim
        }
    }

    // MARK: Sending

    /// At each tick of the loop.
    func ticked(at now: Int) {
        self.now = now
        if let pausedUntil, now >= pausedUntil { self.pausedUntil = nil }
        pump()
    }

    func storeLost() {
        isStoreAway = true
        sayAll()
        for (key, entry) in entries where !entry.isUnderWay && entry.steps.count > 1 {
            entries[key]?.steps.removeFirst(entry.steps.count - 1)
        }
    }

    func storeReturned() {
        isStoreAway = false
        hasOverflowed = false
        pausedUntil = nil
        pump()
    }

    private func pump() {
        while underWay < Self.underWayMax, !isStoreAway, pausedUntil == nil, let key = order.popFirst() {
            guard let entry = entries[key], !entry.isUnderWay else { continue }
            entries[key]?.isUnderWay = true
            underWay += 1
            let step = entry.steps[0]
            var question: RoomPresence.Question?
            if step.claim != nil { question = entry.place == .user ? .ofUser : .inRoom(others: others) }
            let operation = RoomPresence.operation(
                entry.keys, boot: boot, user: key.user, record: step.record, asking: question)
            store.perform(operation) { [weak self] result in self?.answered(key, result) }
        }
    }

    private func answered(_ key: Key, _ result: StoreResult) {
        underWay -= 1
        guard var entry = entries.removeValue(forKey: key) else { return pump() }
        entry.isUnderWay = false
        switch result {
        case .success(let reply):
            let step = entry.steps.removeFirst()
            if let verdict = PresenceVerdict(reply) { say(step.claim, after: verdict, entry.place, key.user) }
        case .failure(let fault):
            pausedUntil = now + Self.retryMilliseconds
            // It may have been made, and the next answer would not say so.
            if fault != .unavailable || isStoreAway { say(&entry.steps[0].claim, entry.place, key.user) }
        }
        if isStoreAway, entry.steps.count > 1 { entry.steps.removeFirst(entry.steps.count - 1) }
        // Who is in goes there when the store is back.
        if let last = entry.steps.last, !isStoreAway || last.record.isEmpty { append(key, entry) }
        pump()
    }

    /// The store has made the change.
    private func say(
        _ claim: PresenceClaim?, after verdict: PresenceVerdict, _ place: PresencePlace, _ user: Identifier
    ) {
        guard let (said, takenBack) = claim?.answered(verdict) else { return }
        say(said, claim, place, user)
        say(takenBack, claim, place, user, isTakenBack: true)
    }
}
