import ClusterState
import Core
import Logging

/// Who is in rooms, and connected as users, on this node, on its way to the store: a bounded number at a time, and
/// again until the store has it, also when the room was forgotten here meanwhile.
///
/// While the store is away only departures are kept: who is in goes there when the room is compared with the store.
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

    private struct Key: Hashable {
        let channel: [UInt8]
        let user: Identifier
    }

    private struct Entry {
        let keys: LogKeys
        /// Empty: the user is not in any more.
        var record: [UInt8]
        var isUnderWay = false
        /// It has changed since it was sent.
        var isChanged = false
    }

    private let store: any Store
    private let boot: String
    private let logger: Logger
    private var entries: [Key: Entry] = [:]
    /// Those that are not under way, in the order in which they are sent. A key of no entry is passed over.
    private var order = FIFO<Key>()
    private var underWay = 0
    /// Until then nothing is sent (loop milliseconds); nil: it is sent at once.
    private var pausedUntil: Int?
    private var now = 0
    private var isStoreAway = false
    private var hasOverflowed = false

    init(_ store: any Store, boot: String, logger: Logger) {
        self.store = store
        self.boot = boot
        self.logger = logger
    }

    /// Entries that the store does not have yet.
    var count: Int { entries.count }

    /// Publishes what a user is in with on this node; an empty record: with nothing any more.
    func publish(_ keys: LogKeys, _ user: Identifier, _ record: [UInt8]) {
        let key = Key(channel: keys.channel, user: user)
        if isStoreAway { return note(key, keys, record) }
        if let entry = entries[key] {
            entries[key]?.record = record
            entries[key]?.isChanged = entry.isUnderWay
        } else {
            append(key, Entry(keys: keys, record: record))
        }
        pump()
    }

    private func append(_ key: Key, _ entry: Entry) {
        entries[key] = entry
        order.append(key)
    }

    /// As `publish`, while the store is away.
    private func note(_ key: Key, _ keys: LogKeys, _ record: [UInt8]) {
        if let entry = entries[key], entry.isUnderWay {
            entries[key]?.record = record
            entries[key]?.isChanged = true
        } else if !record.isEmpty {
            entries[key] = nil
        } else if entries[key] != nil {
            entries[key]?.record = record
        } else if entries.count < Self.departuresMax {
            append(key, Entry(keys: keys, record: record))
        } else if !hasOverflowed {
            hasOverflowed = true
            logger.error("Redis is away for so long that not all who leave can be remembered for the other nodes")
        }
    }

    // MARK: Sending

    /// At each tick of the loop.
    func ticked(at now: Int) {
        self.now = now
        if let pausedUntil, now >= pausedUntil { self.pausedUntil = nil }
        pump()
    }

    func storeLost() { isStoreAway = true }

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
            let operation = RoomPresence.operation(entry.keys, boot: boot, user: key.user, record: entry.record)
            store.perform(operation) { [weak self] result in self?.answered(key, result) }
        }
    }

    private func answered(_ key: Key, _ result: StoreResult) {
        underWay -= 1
        guard let entry = entries[key] else { return pump() }
        let isFailed = (try? result.get()) == nil
        if isFailed { pausedUntil = now + Self.retryMilliseconds }
        if isFailed || entry.isChanged {
            entries[key] = nil
            // Who is in goes there when the store is back.
            if !isStoreAway || entry.record.isEmpty { append(key, Entry(keys: entry.keys, record: entry.record)) }
        } else {
            entries[key] = nil
        }
        pump()
    }
}
