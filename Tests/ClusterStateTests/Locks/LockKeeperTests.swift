import ClusterState
import Core
import Testing

@Suite("A keeper of locks")
final class LockKeeperTests {
    /// A clock that only the test moves.
    private final class Clock {
        var now = 50_000
    }

    /// The store of two processes, one of which can be cut off.
    private final class Door: Store {
        private let store: MemoryStore
        var fault: StoreFault?
        /// Carried out, and never answered.
        var isSilent = false

        init(_ store: MemoryStore) { self.store = store }

        func perform(
            _ operation: StoreOperation, in lane: StoreLane, _ completion: @escaping (StoreResult) -> Void
        ) {
            if let fault { return completion(.failure(fault)) }
            store.perform(operation) { [self] in if !isSilent { completion($0) } }
        }

        func subscribe(_ channel: [UInt8], _ received: @escaping (StoreNotice) -> Void) {
            store.subscribe(channel, received)
        }

        func unsubscribe(_ channel: [UInt8]) { store.unsubscribe(channel) }
    }

    private let clock = Clock()
    private let store: MemoryStore
    private let door: Door
    private var events: [LockKeeper.Event] = []
    private lazy var keeper = keeper("one", door)
    private lazy var other = keeper("two", store)

    init() {
        store = MemoryStore(boot: "ab") { [clock] in 1_700_000_000_000_000 + clock.now * 1_000 }
        door = Door(store)
    }

    private func keeper(_ name: String, _ store: any Store, quarantine: Int = 0) -> LockKeeper {
        let keeper = LockKeeper(store: store, name: name, quarantine: quarantine, clock: { [clock] in clock.now }) {
            [unowned self] _, event in events.append(event)
        }
        keeper.storeConnected()
        return keeper
    }

    /// The outcome of an attempt.
    private final class Attempt {
        var handle: LockHandle?
        var error: LockError?
        var losses: [LockLoss] = []
        var isAlive = true
    }

    private func acquire(
        _ keeper: LockKeeper, _ owner: String = "owner", wait: Int = 0, name: String = "lock",
        isBestEffort: Bool = false
    ) -> Attempt {
        let attempt = Attempt()
        let request = LockRequest(
            name: Identifier(unchecked: name), owner: owner, ttl: 6_000, wait: wait, isBestEffort: isBestEffort,
            isAlive: { attempt.isAlive }
        ) { attempt.losses.append($0) }
        keeper.acquire(request) { result in
            #expect(attempt.handle == nil && attempt.error == nil)
            switch result {
            case .success(let handle): attempt.handle = handle
            case .failure(let error): attempt.error = error
            }
        }
        return attempt
    }

    /// Lets time pass in ticks of all.
    private func pass(_ milliseconds: Int, ticking keepers: [LockKeeper]? = nil) {
        for _ in 0..<(milliseconds / 100) {
            clock.now += 100
            for keeper in keepers ?? [keeper, other] { keeper.ticked() }
        }
    }

    @Test("a lock is one owner's; the next gets it at its release, with a higher token")
    func exclusion() throws {
        let first = acquire(keeper)
        let token = try #require(first.handle?.token)
        #expect(acquire(other).error == .taken && acquire(keeper, "another").error == .taken)
        let second = acquire(other, wait: 60_000)
        pass(20_000)
        #expect(second.handle == nil && first.handle?.check(at: clock.now) == true)
        keeper.release(first.handle!)
        // Woken, not polled: no time has passed.
        #expect(second.handle.map { $0.token > token } == true)
        #expect(first.handle?.check(at: clock.now) == false && first.losses == [])
        #expect(other.held(at: clock.now).map(\.name.text) == ["lock"] && keeper.held(at: clock.now) == [])
    }

    @Test("waiters get it in the order in which they came")
    func queue() {
        var handle = acquire(keeper).handle!
        let waiters = (0..<6).map { acquire($0.isMultiple(of: 2) ? other : keeper, "waiter \($0)", wait: 99_000) }
        for place in 0..<6 {
            (place == 0 ? keeper : place.isMultiple(of: 2) ? keeper : other).release(handle)
            #expect(waiters.map { $0.handle != nil } == (0..<6).map { $0 <= place })
            handle = waiters[place].handle!
            pass(1_100)
        }
    }

    @Test("an owner that asks again shares its lock and token; the last release gives it back")
    func again() throws {
        let first = try #require(acquire(keeper).handle)
        let second = try #require(acquire(keeper).handle)
        #expect(first.token == second.token && keeper.held(at: clock.now).first?.holds == 2)
        keeper.release(first)
        keeper.release(first)
        #expect(second.check(at: clock.now) && acquire(other).error == .taken)
        keeper.release(second)
        #expect(acquire(other).handle != nil)
    }

    @Test("closed, it gives all back, without a word of loss, and refuses who waits and who asks")
    func close() {
        let (holder, waiter) = (acquire(keeper), acquire(keeper, "another", wait: 60_000))
        let next = acquire(other, wait: 60_000)
        #expect(waiter.error == nil && next.handle == nil)
        keeper.close()
        #expect(holder.handle?.check(at: clock.now) == false && holder.losses == [] && keeper.lostTotal == 0)
        #expect(waiter.error == .closed && acquire(keeper, name: "free").error == .closed)
        #expect(next.handle != nil && keeper.isSettled)
    }

    @Test("what was given back while the store was away is settled when the store knows it")
    func settled() {
        let holder = acquire(keeper)
        door.fault = .unavailable
        keeper.release(holder.handle!)
        #expect(!keeper.isSettled && acquire(other).error == .taken)
        door.fault = nil
        pass(100)
        #expect(keeper.isSettled && acquire(other).handle != nil)
    }

    @Test("who waits longer than it wants to gets an error, and leaves the queue")
    func waitTooLong() {
        let holder = acquire(keeper)
        let (short, long) = (acquire(other, "short", wait: 1_000), acquire(other, "long", wait: 9_000))
        pass(900)
        #expect(short.error == nil)
        pass(100)
        #expect(short.error == .timedOut && long.error == nil)
        keeper.release(holder.handle!)
        #expect(long.handle != nil)
    }

    @Test("a waiter that died is passed over; a lock whose holder died comes free with its ttl")
    func death() {
        let dead = keeper("dead", store)
        _ = acquire(dead)
        let waiter = acquire(other, wait: 60_000)
        // The dead keeper gets no ticks. Its waiter comes before the living one's in the queue of the second lock.
        let holder = acquire(keeper, name: "second")
        let lost = acquire(dead, "lost", wait: 60_000, name: "second")
        pass(100)
        let next = acquire(other, wait: 60_000, name: "second")
        pass(5_800)
        #expect(waiter.handle == nil)
        pass(200)
        #expect(waiter.handle != nil)
        keeper.release(holder.handle!)
        #expect(next.handle != nil && lost.handle == nil)
    }

    @Test("a store that is away grants nothing and ends all waiting; a holder is notified before its ttl ends")
    func away() {
        let holder = acquire(keeper)
        _ = acquire(other, name: "second")
        let waiter = acquire(keeper, wait: 60_000, name: "second")
        door.fault = .unavailable
        keeper.storeLost()
        #expect(waiter.error == .storeAway && acquire(keeper, wait: 5, name: "third").error == .storeAway)
        pass(4_900)
        #expect(holder.losses == [] && holder.handle!.check(at: clock.now))
        pass(100)
        #expect(holder.losses == [.expired] && !holder.handle!.check(at: clock.now))
        pass(60_000)
        #expect(holder.losses.count == 1 && keeper.lostTotal == 1)
    }

    @Test("what could not be released is released when the store is back")
    func owed() {
        let holder = acquire(keeper)
        door.fault = .uncertain
        keeper.release(holder.handle!)
        pass(300)
        #expect(acquire(other).error == .taken)
        door.fault = nil
        pass(100)
        #expect(acquire(other).handle != nil)
    }

    @Test("an attempt whose answer was lost leaves no lock behind")
    func lostAnswer() {
        door.isSilent = true
        let attempt = acquire(keeper)
        #expect(attempt.handle == nil && acquire(other).error == .taken)
        keeper.storeLost()
        #expect(attempt.error == .storeAway)
        door.isSilent = false
        keeper.storeConnected()
        #expect(acquire(other).handle != nil)
    }

    @Test("what is not alive loses its lock")
    func notAlive() {
        let holder = acquire(keeper)
        pass(20_000)
        #expect(holder.losses == [])
        holder.isAlive = false
        pass(6_000)
        #expect(holder.losses == [.expired])
    }

    @Test("after a loss the same owner begins anew, whatever the tick has noticed")
    func anew() throws {
        let holder = acquire(keeper)
        let token = try #require(holder.handle?.token)
        clock.now += 5_000
        let next = try #require(acquire(keeper).handle)
        #expect(next.token > token && holder.losses == [.expired])
    }

    @Test("an emptied store grants nothing until the longest ttl has passed, but a holder keeps its lock")
    func quarantine() throws {
        let keeper = keeper("careful", store, quarantine: 8_000)
        #expect(acquire(keeper).error == .quarantined(milliseconds: 8_000))
        // Where two holders would do no harm, there is nothing to wait for.
        #expect(acquire(keeper, name: "hint", isBestEffort: true).handle != nil)
        pass(8_000, ticking: [keeper])
        let holder = acquire(keeper)
        let token = try #require(holder.handle?.token)
        for key in LockKeys.all("lock") { store.perform(.delete(keys: [key])) { _ in } }
        pass(2_000, ticking: [keeper])
        #expect(events.last == .reclaimed(token: token) && holder.handle!.check(at: clock.now))
        #expect(acquire(keeper, name: "second").error == .quarantined(milliseconds: 8_000))
        pass(8_000, ticking: [keeper])
        #expect(try #require(acquire(keeper, name: "second").handle).token > token)
        #expect(holder.losses == [] && holder.handle!.check(at: clock.now))
    }

    @Test("there is room for so many waiters of one lock, and no more")
    func full() {
        _ = acquire(keeper)
        let waiters = (0..<LockLimits.waitersMax).map { acquire(other, "waiter \($0)", wait: 99_000) }
        #expect(waiters.allSatisfy { $0.error == nil })
        #expect(acquire(other, "one more", wait: 99_000).error == .full)
    }
}
