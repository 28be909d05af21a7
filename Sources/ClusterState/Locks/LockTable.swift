/// The locks that a keeper holds or waits for, by who wants them and by their owner's name in the store.
struct LockTable {
    private var byKey: [LockKey: LockEntry] = [:]
    private var byStoreOwner: [[UInt8]: LockEntry] = [:]

    /// At most `LockLimits.locksMax`; the caller looks.
    var count: Int { byKey.count }

    /// The oldest first, so that one course of events has one outcome.
    var entries: [LockEntry] { byKey.values.sorted { $0.serial < $1.serial } }

    func find(_ key: LockKey) -> LockEntry? {
        byKey[key]
    }

    func find(storeOwner: [UInt8]) -> LockEntry? {
        byStoreOwner[storeOwner]
    }

    /// Whether `entry` was not removed meanwhile.
    func contains(_ entry: LockEntry) -> Bool {
        byKey[entry.key] === entry
    }

    mutating func insert(_ entry: LockEntry) {
        byKey[entry.key] = entry
        byStoreOwner[entry.storeOwner] = entry
    }

    mutating func remove(_ entry: LockEntry) {
        byKey[entry.key] = nil
        byStoreOwner[entry.storeOwner] = nil
    }
}
