import Core

/// Gets locks of the cluster, keeps them by renewal, and says when one is lost.
///
/// Drives a `Lock` for each lock that somebody of this process holds or waits for, with scripts on the store. Belongs
/// to one loop, which calls `ticked` every 100–250 ms and says how the store is. On a Redis store it never falls back
/// to anything else: without Redis nothing is granted. On a memory store it is for single mode, where a quarantine of 0
/// is right: nobody else can hold anything.
package final class LockKeeper {
    /// A change of a lock, for log and events.
    package enum Event: Equatable, Sendable {
        case granted(token: Int)
        case reclaimed(token: Int)
        case released(token: Int)
        case lost(token: Int, LockLoss)

        package var token: Int {
            switch self {
            case .granted(let token), .reclaimed(let token), .released(let token), .lost(let token, _): token
            }
        }
    }

    /// A release that the store has not confirmed.
    private struct OwedRelease {
        let owner: [UInt8]
        let keys: [[UInt8]]
        let until: Int
        var isSent = false
    }

    /// How many locks were lost since the start.
    package private(set) var lostTotal = 0
    /// The highest token that any lock had, as far as this process knows.
    package private(set) var highestToken = 0

    private let store: any Store
    private let channel: String
    private let quarantine: Int
    private let clock: () -> Int
    private let happened: (Identifier, Event) -> Void
    private var table = LockTable()
    /// By the serial of their entry.
    private var owed: [Int: OwedRelease] = [:]
    private var serial = 0
    private var isStoreHere = false
    private var isClosed = false

    /// A keeper without locks, whose store is away until `storeConnected`.
    ///
    /// - Parameters:
    ///   - name: this process' own: random, and another one at each start. Without a slash.
    ///   - quarantine: how long nothing is granted when the store lost what it knew; the longest ttl, or 0 for a memory
    ///     store.
    ///   - clock: milliseconds of CLOCK_BOOTTIME.
    ///   - happened: called after each change of a held lock.
    package init(
        store: any Store, name: String, quarantine: Int = LockLimits.ttlMilliseconds.upperBound,
        clock: @escaping () -> Int, happened: @escaping (Identifier, Event) -> Void
    ) {
        self.store = store
        channel = LockKeys.channel(keeper: name)
        self.quarantine = quarantine
        self.clock = clock
        self.happened = happened
        store.subscribe(Array(channel.utf8)) { [weak self] in self?.noticed($0) }
    }

    deinit { store.unsubscribe(Array(channel.utf8)) }

    /// The locks that are held, in the order of their names.
    package func held(at now: Int) -> [LockStatus] {
        table.entries.compactMap { entry in
            guard let lease = entry.lock.lease(at: now) else { return nil }
            return LockStatus(
                name: entry.key.name, token: lease.token, holds: entry.holds.count,
                validUntil: lease.validUntil)
        }.sorted { ($0.name, $0.token) < ($1.name, $1.token) }
    }

    /// Asks for a lock. `completion` comes once: with a handle, or with why there is none. At once when the owner has
    /// the lock already or the store is away.
    package func acquire(_ request: LockRequest, _ completion: @escaping (Result<LockHandle, LockError>) -> Void) {
        guard !isClosed else { return completion(.failure(.closed)) }
        guard isStoreHere else { return completion(.failure(.storeAway)) }
        let (now, key) = (clock(), LockKey(name: request.name, owner: request.owner))
        // What is over, though no tick has said so yet, is not to be shared.
        if let known = table.find(key), known.lock.isHeld, known.lock.lease(at: now) == nil { act(on: known, at: now) }
        let waiter = LockWaiter(
            request: request, until: now + min(request.wait, Int.max - now), completion: completion)
        if let entry = table.find(key) {
            guard let lease = entry.lock.lease(at: now) else { return entry.waiters.append(waiter) }
            return grant(waiter, lease, entry)
        }
        guard table.count < LockLimits.locksMax else { return completion(.failure(.full)) }
        serial += 1
        let entry = LockEntry(serial: serial, channel: channel, request: request, at: now)
        entry.waiters.append(waiter)
        table.insert(entry)
        act(on: entry, at: now)
    }

    /// Why an owner waits for a lock; nil when it does not, or the store has not answered yet.
    package func wait(for name: Identifier, owner: String) -> LockWait? {
        table.find(LockKey(name: name, owner: owner)).flatMap { $0.lock.isHeld ? nil : $0.wait }
    }

    /// Asks for the token under which one of `holders`, by their names in the store, has a lock; nil when none has it.
    package func token(
        of name: Identifier, heldBy holders: [String], _ completion: @escaping (Result<Int?, LockError>) -> Void
    ) {
        guard isStoreHere else { return completion(.failure(.storeAway)) }
        let owners = Array(holders.joined(separator: " ").utf8)
        perform(LockScripts.held, keys: LockKeys.all(name.text), owner: owners, []) { [weak self] result in
            guard let self else { return }
            switch answer(in: result) {
            case .granted(let token, _): completion(.success(token))
            case .lost: completion(.success(nil))
            default: completion(.failure(error(in: result)))
            }
        }
    }

    /// Gives one hold back; the last one of an owner gives the lock back. Nothing when it was lost or released before.
    package func release(_ handle: LockHandle) {
        guard let entry = handle.entry else { return }
        handle.end()
        entry.holds.removeAll { $0 === handle }
        guard entry.holds.isEmpty else { return }
        finish(entry)
        happened(handle.name, .released(token: handle.token))
    }

    /// Gives all locks back, without a word to their holders, and refuses those who wait and who ask from then on.
    /// Once.
    package func close() {
        isClosed = true
        // Those who wait first, or one of them would get what another gives back.
        for entry in table.entries { fail(entry, .closed) { _ in true } }
        for entry in table.entries {
            for handle in entry.holds { release(handle) }
        }
    }

    /// Whether the store has confirmed all that was given back.
    package var isSettled: Bool { owed.isEmpty }

    /// The store can be reached, for the first time or again.
    package func storeConnected() {
        isStoreHere = true
        perform(LockScripts.enter, keys: LockKeys.all(""), owner: [], []) { [weak self] result in
            if case .success(.array(let parts)) = result, let token = parts.last.flatMap({ Stored.number($0) }) {
                self?.seen(token)
            }
        }
        let now = clock()
        for entry in table.entries { entry.lock.storeReturned(at: now) }
        ticked()
    }

    /// The store is away: whoever waits is notified; holders go on until their lease ends.
    package func storeLost() {
        isStoreHere = false
        for entry in table.entries where table.contains(entry) { fail(entry, .storeAway) { _ in true } }
    }

    /// Time has passed: renews, asks again, gives up and reports losses, as is due.
    package func ticked() {
        let now = clock()
        for entry in table.entries where table.contains(entry) {
            act(on: entry, at: now)
            fail(entry, .timedOut) { $0.request.wait > 0 && $0.until <= now }
        }
        owed = owed.filter { $0.value.until > now }
        guard isStoreHere else { return }
        for serial in owed.keys.sorted() {
            if let release = owed[serial], !release.isSent { send(release, serial) }
        }
    }

    /// A waiter's turn may have come: the one that is named, or any while wake-ups could not arrive.
    private func noticed(_ notice: StoreNotice) {
        let meant: [LockEntry] =
            switch notice {
            case .live: table.entries
            case .interrupted: []
            case .message(let owner): table.find(storeOwner: owner).map { [$0] } ?? []
            }
        let now = clock()
        for entry in meant where table.contains(entry) {
            entry.lock.woken(at: now)
            act(on: entry, at: now)
        }
    }

    private func act(on entry: LockEntry, at now: Int) {
        let mayAct = isStoreHere
        switch entry.lock.ticked(mayRenew: mayAct && entry.holds.contains { $0.request.isAlive() }, at: now) {
        case .nothing: break
        case .ask: ask(entry)
        case .renew(let lease):
            perform(LockScripts.renew, keys: entry.keys, owner: entry.storeOwner, [entry.ttl, lease.generation]) {
                [weak self] in self?.renewed(entry, $0)
            }
        case .lost(let loss): lose(entry, loss)
        }
    }

    private func ask(_ entry: LockEntry) {
        let waiterExpiry = entry.isPatient ? LockLimits.waiterExpiryMilliseconds : 0
        let numbers = [entry.ttl, waiterExpiry, LockLimits.waitersMax, entry.isBestEffort ? 0 : 1]
        perform(LockScripts.acquire, keys: entry.keys, owner: entry.storeOwner, numbers) { [weak self] in
            self?.asked(entry, $0)
        }
    }

    private func asked(_ entry: LockEntry, _ result: StoreResult) {
        guard table.contains(entry) else { return }
        let now = clock()
        guard let answer = answer(in: result) else {
            entry.lock.unanswered(at: now)
            return fail(entry, error(in: result)) { _ in true }
        }
        switch answer {
        case .waiting(let span, _): entry.wait = .taken(until: now + max(span, 0))
        case .quarantine(let span, _): entry.wait = .quarantine(until: now + max(span, 0))
        default: entry.wait = nil
        }
        switch entry.lock.askAnswered(answer, at: now) {
        case .granted(let lease):
            seen(lease.token)
            let waiters = entry.waiters
            entry.waiters.removeAll()
            happened(entry.key.name, .granted(token: lease.token))
            // A completion may release: the others hold first.
            let handles = waiters.map { hold($0, lease, entry) }
            for (waiter, handle) in zip(waiters, handles) { waiter.completion(.success(handle)) }
        case .waiting: fail(entry, .taken) { $0.request.wait <= 0 }
        case .quarantined(let span): fail(entry, .quarantined(milliseconds: span)) { $0.request.wait <= 0 }
        case .full: fail(entry, .full) { _ in true }
        case .evicting(let policy): fail(entry, .evicting(policy: policy)) { _ in true }
        }
    }

    private func renewed(_ entry: LockEntry, _ result: StoreResult) {
        guard table.contains(entry) else { return }
        let now = clock()
        guard let answer = answer(in: result) else { return entry.lock.unanswered(at: now) }
        switch entry.lock.renewAnswered(answer, at: now) {
        case .nothing: break
        case .reclaimed(let lease): happened(entry.key.name, .reclaimed(token: lease.token))
        case .reclaim(let lease):
            perform(LockScripts.reclaim, keys: entry.keys, owner: entry.storeOwner, [entry.ttl, lease.token]) {
                [weak self] in self?.renewed(entry, $0)
            }
        case .lost(let loss): lose(entry, loss)
        }
    }

    private func hold(_ waiter: LockWaiter, _ lease: Lock.Lease, _ entry: LockEntry) -> LockHandle {
        let handle = LockHandle(token: lease.token, request: waiter.request, entry: entry)
        entry.holds.append(handle)
        return handle
    }

    private func grant(_ waiter: LockWaiter, _ lease: Lock.Lease, _ entry: LockEntry) {
        waiter.completion(.success(hold(waiter, lease, entry)))
    }

    private func lose(_ entry: LockEntry, _ loss: LockLoss) {
        let holds = entry.holds
        entry.holds.removeAll()
        lostTotal += 1
        finish(entry)
        for handle in holds { handle.end() }
        if let token = holds.first?.token { happened(entry.key.name, .lost(token: token, loss)) }
        for handle in holds { handle.request.onLost(loss) }
    }

    /// Notifies those of the waiters, and ends what nobody waits for or holds.
    private func fail(_ entry: LockEntry, _ error: LockError, _ isMeant: (LockWaiter) -> Bool) {
        let failed = entry.waiters.filter(isMeant)
        guard !failed.isEmpty else { return }
        entry.waiters.removeAll(where: isMeant)
        if entry.waiters.isEmpty && entry.holds.isEmpty { finish(entry) }
        for waiter in failed { waiter.completion(.failure(error)) }
    }

    /// The entry is over, here at once, and in the store as soon as it can be reached.
    private func finish(_ entry: LockEntry) {
        entry.lock.released()
        table.remove(entry)
        // After that long the store has forgotten it by itself.
        let until = clock() + max(entry.ttl, LockLimits.waiterExpiryMilliseconds)
        let release = OwedRelease(owner: entry.storeOwner, keys: entry.keys, until: until)
        if owed.count < LockLimits.releasesMax { owed[entry.serial] = release }
        if isStoreHere { send(release, entry.serial) }
    }

    private func send(_ release: OwedRelease, _ serial: Int) {
        owed[serial]?.isSent = true
        perform(LockScripts.release, keys: release.keys, owner: release.owner, []) { [weak self] result in
            if case .success = result {
                self?.owed[serial] = nil
            } else {
                self?.owed[serial]?.isSent = false
            }
        }
    }

    private func perform(
        _ script: StoreScript, keys: [[UInt8]], owner: [UInt8], _ numbers: [Int],
        _ completion: @escaping (StoreResult) -> Void
    ) {
        let arguments = [owner] + ([highestToken, quarantine] + numbers).map { decimal($0) }
        store.perform(.script(script, keys: keys, arguments: arguments), completion)
    }

    private func seen(_ token: Int) {
        highestToken = max(highestToken, token)
    }

    private func answer(in result: StoreResult) -> LockAnswer? {
        guard case .success(let reply) = result else { return nil }
        return LockAnswer(reply)
    }

    private func error(in result: StoreResult) -> LockError {
        switch result {
        case .failure(.refused(let code, let message)): .refused(code: code, message: message)
        case .failure(.away(let refusal)): .refused(code: refusal.code, message: refusal.message)
        case .success, .failure: .storeAway
        }
    }
}
