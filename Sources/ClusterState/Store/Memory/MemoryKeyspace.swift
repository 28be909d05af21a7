/// The data of a memory store: keys, their values and when they expire, with the semantics of Redis 7.0.
///
/// It knows one point of time per request, as Redis does within a command or script. Belongs to its store's loop. Keys
/// have no bound of their own: whoever writes them bounds them, by expiry, trimming or number.
final class MemoryKeyspace: StoreOperations {
    /// The value at a key. Expiry is in milliseconds of the Unix epoch.
    private struct Entry {
        let value: any MemoryValue
        var expiry: Int?
    }

    /// Few enough keys for going through all of them at once.
    private static let sweepIntervalMin = 1024

    let boot: String
    /// Microseconds of the Unix epoch at the request that is being run.
    var now = 0
    /// The channels with a receiver.
    var channels: Set<[UInt8]> = []
    /// Publications that were not delivered yet.
    var publications: [(channel: [UInt8], payload: [UInt8])] = []

    private var entries: [[UInt8]: Entry] = [:]
    private var requestsUntilSweep = MemoryKeyspace.sweepIntervalMin

    init(boot: String) {
        self.boot = boot
    }

    private var nowMilliseconds: Int { now / 1000 }

    func call(_ operation: StoreOperation) throws(StoreFault) -> StoreReply {
        switch operation {
        case .get, .set: return try callString(operation)
        case .delete, .exists, .scan, .expire, .timeToLive: return try callKey(operation)
        case .hashSet, .hashGet, .hashGetSome, .hashGetAll, .hashDelete: return try callHash(operation)
        case .listAppend, .listRemoveFirst, .listRange, .listRemove, .listLength: return try callList(operation)
        case .sortedSetAdd, .sortedSetRemove, .sortedSetRange, .sortedSetRangeByMember, .sortedSetScore,
            .sortedSetCount:
            return try callSortedSet(operation)
        case .streamAppend, .streamRange, .streamReverseRange, .streamTrim: return try callStream(operation)
        case .publish(let channel, let payload):
            guard channels.contains(channel) else { return .integer(0) }
            publications.append((channel, payload))
            return .integer(1)
        case .time:
            return .array([.bytes(decimal(now / 1_000_000)), .bytes(decimal(now % 1_000_000))])
        case .serverInfo:
            return .bytes(Array("# Server\r\nrun_id:\(boot)\r\n".utf8))
        case .script:
            throw .refused(code: "ERR", message: "This Redis command is not allowed from script")
        }
    }

    /// The value at `key`, nil when there is none (any more); throws WRONGTYPE when it is of another type.
    func find<Value: MemoryValue>(_ key: [UInt8], _ type: Value.Type) throws(StoreFault) -> Value? {
        guard let entry = entries[key], !dropExpired(key, entry) else { return nil }
        guard let value = entry.value as? Value else {
            throw .refused(code: "WRONGTYPE", message: "Operation against a key holding the wrong kind of value")
        }
        return value
    }

    /// The value at `key`, an empty one when there was none; throws WRONGTYPE when it is of another type.
    func findOrMake<Value: MemoryValue>(_ key: [UInt8], _ type: Value.Type) throws(StoreFault) -> Value {
        if let value = try find(key, type) { return value }
        let value = Value()
        entries[key] = Entry(value: value, expiry: nil)
        return value
    }

    /// Whether something is at `key`.
    func contains(_ key: [UInt8]) -> Bool {
        guard let entry = entries[key] else { return false }
        return !dropExpired(key, entry)
    }

    /// Puts `value` at `key` in the place of whatever is there, expiry included.
    func replace(_ key: [UInt8], _ value: any MemoryValue, expiry: Int?) {
        entries[key] = Entry(value: value, expiry: expiry)
    }

    /// All keys that are there.
    var liveKeys: [[UInt8]] { entries.filter { !isExpired($0.value) }.map(\.key) }

    /// Takes `key` away; whether it was there.
    func remove(_ key: [UInt8]) -> Bool {
        let wasThere = contains(key)
        entries[key] = nil
        return wasThere
    }

    /// Takes `key` away if nothing is in its container any more.
    func removeIfEmpty(_ key: [UInt8], _ value: any MemoryValue) {
        if value.vanishes { entries[key] = nil }
    }

    /// When `key`, which is there, expires.
    func expiry(of key: [UInt8]) -> Int? {
        entries[key]?.expiry
    }

    /// Gives `key`, which is there, an expiry.
    func setExpiry(of key: [UInt8], to expiry: Int) {
        entries[key]?.expiry = expiry
    }

    /// `milliseconds` from now, nil when that is beyond what Redis counts.
    func expiry(in milliseconds: Int) -> Int? {
        let (sum, overflow) = nowMilliseconds.addingReportingOverflow(milliseconds)
        return overflow ? nil : sum
    }

    /// How long until `expiry`, which has not passed.
    func millisecondsLeft(until expiry: Int) -> Int {
        max(0, expiry - nowMilliseconds)
    }

    /// Whether an expiry given now is none: the key goes at once.
    func isPast(_ expiry: Int) -> Bool {
        expiry <= nowMilliseconds
    }

    /// Counts a request; now and then, drops all that has expired and that nobody asked for.
    func requestEnded() {
        requestsUntilSweep -= 1
        guard requestsUntilSweep == 0 else { return }
        entries = entries.filter { !isExpired($0.value) }
        requestsUntilSweep = max(Self.sweepIntervalMin, entries.count)
    }

    /// How many keys are held, expired ones that nobody asked for included.
    var keyCount: Int { entries.count }

    private func isExpired(_ entry: Entry) -> Bool {
        guard let expiry = entry.expiry else { return false }
        return nowMilliseconds > expiry
    }

    private func dropExpired(_ key: [UInt8], _ entry: Entry) -> Bool {
        guard isExpired(entry) else { return false }
        entries[key] = nil
        return true
    }
}
