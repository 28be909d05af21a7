import ClusterState

/// A Redis that can die, come back with all, some or none of what it knew, and be emptied while it runs.
final class SimulatedServer {
    /// How much of its data survives a death.
    enum Persistence {
        case all, some, none
    }

    /// The values of the locks' keys, and when each expires.
    private typealias Snapshot = [(restore: StoreOperation, key: [UInt8], expiry: Int?)]

    private(set) var isUp = true
    private let time: SimulatedTime
    private let keys: [[UInt8]]
    private var memory: MemoryStore
    private var runs = 1
    private var snapshots: [Snapshot] = []
    /// Its clock is not that of others, and may be set back when it comes up anew.
    private var clockOffset = 1_700_000_000_000
    private var wasSetBackAt = 0
    private var receivers: [[UInt8]: (StoreNotice) -> Void] = [:]

    /// - Parameter names: of the locks that there will be.
    init(_ time: SimulatedTime, names: [String]) {
        self.time = time
        keys = Set(names.flatMap { LockKeys.all($0) }).sorted { $0.lexicographicallyPrecedes($1) }
        memory = MemoryStore(boot: "0") { 0 }
        startEmpty()
        keepSnapshots()
    }

    private var milliseconds: Int { time.now + clockOffset }

    func perform(_ operation: StoreOperation) -> StoreResult {
        var result = StoreResult.failure(.uncertain)
        memory.perform(operation) { result = $0 }
        return result
    }

    func subscribe(_ channel: [UInt8], _ received: @escaping (StoreNotice) -> Void) {
        receivers[channel] = received
        memory.subscribe(channel, received)
    }

    func unsubscribe(_ channel: [UInt8]) {
        receivers[channel] = nil
        memory.unsubscribe(channel)
    }

    /// FLUSHALL: it stays up, connections and subscriptions stay.
    func empty() {
        startEmpty()
        for (channel, received) in receivers {
            memory.subscribe(channel) { notice in if notice != .live { received(notice) } }
        }
    }

    func kill() {
        snapshots.append(snapshot())
        receivers = [:]
        isUp = false
    }

    func restart(_ persistence: Persistence) {
        runs += 1
        isUp = true
        let last = snapshots.last
        // By less than a quarantine in the time of one, as is promised.
        if persistence == .none && time.now - wasSetBackAt > 10_000 {
            clockOffset -= time.any(0...5_000)
            wasSetBackAt = time.now
        }
        startEmpty()
        switch persistence {
        case .all: restore(last)
        case .some: restore(snapshots.dropLast().suffix(4).randomElement(using: &time.random))
        case .none: break
        }
        snapshots = []
    }

    /// How many keys are there beside the generation, which stays.
    var lockKeyCount: Int {
        let generation = LockKeys.all("")[0]
        return keys.filter { $0 != generation && perform(.exists(keys: [$0])) == .success(.integer(1)) }.count
    }

    private func startEmpty() {
        memory = MemoryStore(boot: String(runs, radix: 16)) { [unowned self] in milliseconds * 1000 + 77 }
    }

    private func keepSnapshots() {
        time.after(500) { [unowned self] in
            if isUp { snapshots = snapshots.suffix(5) + [snapshot()] }
            keepSnapshots()
        }
    }

    private func snapshot() -> Snapshot {
        keys.compactMap { key in
            guard case .success(.integer(let left)) = perform(.timeToLive(key: key)), left != -2 else { return nil }
            let expiry = left < 0 ? nil : milliseconds + left
            if case .success(.array(let parts)) = perform(.hashGetAll(key: key)) {
                let words = bytes(parts)
                let pairs = stride(from: 0, to: words.count, by: 2).map { StorePair(words[$0], words[$0 + 1]) }
                return (.hashSet(key: key, pairs: pairs), key, expiry)
            }
            guard case .success(.array(let values)) = perform(.listRange(key: key, start: 0, stop: -1)) else {
                return nil
            }
            return (.listAppend(key: key, values: bytes(values)), key, expiry)
        }
    }

    private func restore(_ snapshot: Snapshot?) {
        for (operation, key, expiry) in snapshot ?? [] {
            _ = perform(operation)
            if let expiry { _ = perform(.expire(key: key, milliseconds: expiry - milliseconds)) }
        }
    }

    private func bytes(_ replies: [StoreReply]) -> [[UInt8]] {
        replies.map { if case .bytes(let bytes) = $0 { bytes } else { [] } }
    }
}
