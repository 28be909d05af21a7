import Core

/// A request for a lock.
package struct LockRequest {
    /// The lock. Names are the cluster's.
    package let name: Identifier
    /// Who asks, within this process: one owner's requests for one lock share it, others wait for their turn.
    package let owner: String
    /// How long the lock outlives its holder, in milliseconds; within `LockLimits.ttlMilliseconds`.
    package let ttl: Int
    /// How long to wait for the lock, in milliseconds; 0: not at all.
    package let wait: Int
    /// Whether two holders at once do no harm: then a store will do that evicts keys, or that may have lost some.
    package let isBestEffort: Bool
    /// Whether what the lock protects is alive. Asked before each renewal, on the keeper's thread.
    package let isAlive: () -> Bool
    /// Called once if the lock is lost, before the ttl ends: nothing more may be done under it. Not after a release.
    package let onLost: (LockLoss) -> Void

    package init(
        name: Identifier, owner: String, ttl: Int, wait: Int, isBestEffort: Bool = false,
        isAlive: @escaping () -> Bool = { true }, onLost: @escaping (LockLoss) -> Void
    ) {
        self.name = name
        self.owner = owner
        self.ttl = ttl
        self.wait = wait
        self.isBestEffort = isBestEffort
        self.isAlive = isAlive
        self.onLost = onLost
    }
}

/// One hold on a lock. Several of one owner share the lock and its token; the last release gives the lock back.
///
/// Belongs to its keeper's thread. Letting go of it does not release it.
package final class LockHandle {
    package let name: Identifier
    /// The fencing token: rises with each new holder of any lock, for ever. To be sent along with each guarded act, so
    /// that who is acted upon can refuse a token below the highest it has seen.
    package let token: Int

    let request: LockRequest
    private(set) weak var entry: LockEntry?

    init(token: Int, request: LockRequest, entry: LockEntry) {
        name = request.name
        self.token = token
        self.request = request
        self.entry = entry
    }

    /// The holder's name in the store, by which others recognise it.
    package var holder: String { entry.map { String(decoding: $0.storeOwner, as: UTF8.self) } ?? "" }

    /// Whether the lock still is the holder's: to be asked right before each guarded act.
    /// - Parameter now: milliseconds of CLOCK_BOOTTIME, read for this call.
    package func check(at now: Int) -> Bool {
        entry?.lock.lease(at: now) != nil
    }

    /// For how long it still is, in milliseconds, should no renewal succeed; 0 when it is not.
    package func remaining(at now: Int) -> Int {
        entry?.lock.lease(at: now).map { $0.validUntil - now } ?? 0
    }

    /// It is released or lost.
    func end() {
        entry = nil
    }
}

/// A lock that a keeper holds or waits for, with those who want it.
final class LockEntry {
    /// Rises with each entry of a keeper.
    let serial: Int
    /// Its owner's name in the store: of this one attempt alone.
    let storeOwner: [UInt8]
    let key: LockKey
    let keys: [[UInt8]]
    let ttl: Int
    let isBestEffort: Bool
    /// Why it waits, as the store last said.
    var wait: LockWait?
    var lock: Lock
    /// Who waits, and until when.
    var waiters: [LockWaiter] = []
    /// Who holds; several when the owner asked again.
    var holds: [LockHandle] = []

    init(serial: Int, channel: String, request: LockRequest, at now: Int) {
        self.serial = serial
        storeOwner = Array("\(channel)/\(serial)".utf8)
        key = LockKey(name: request.name, owner: request.owner)
        keys = LockKeys.all(request.name.text)
        ttl = request.ttl
        isBestEffort = request.isBestEffort
        lock = Lock(ttl: request.ttl, at: now)
    }

    /// Whether a place in the store's queue is wanted.
    var isPatient: Bool { waiters.contains { $0.request.wait > 0 } }
}

/// One who waits for a lock.
struct LockWaiter {
    let request: LockRequest
    let until: Int
    let completion: (Result<LockHandle, LockError>) -> Void
}

/// One lock and one owner in this process: the key of the keeper's table.
struct LockKey: Hashable {
    let name: Identifier
    let owner: String
}

/// A held lock, for the status page.
package struct LockStatus: Equatable, Sendable {
    package let name: Identifier
    package let token: Int
    /// How often its owner holds it.
    package let holds: Int
    /// When it counts no more, should no renewal succeed, in milliseconds of CLOCK_BOOTTIME.
    package let validUntil: Int

    package init(name: Identifier, token: Int, holds: Int, validUntil: Int) {
        self.name = name
        self.token = token
        self.holds = holds
        self.validUntil = validUntil
    }
}
