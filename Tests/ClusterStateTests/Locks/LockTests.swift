import ClusterState
import Testing

@Suite("One owner's way to a lock")
struct LockTests {
    private let ttl = 6_000

    /// Asked at 1,000, granted at `time`.
    private func held(at time: Int = 1_010) -> Lock {
        var lock = Lock(ttl: ttl, at: 1_000)
        #expect(lock.ticked(mayRenew: true, at: 1_000) == .ask)
        guard case .granted = lock.askAnswered(.granted(token: 7, generation: 3), at: time) else {
            Issue.record("not granted")
            return lock
        }
        return lock
    }

    private func renewal(_ lock: inout Lock, at now: Int) -> Lock.Lease? {
        guard case .renew(let lease) = lock.ticked(mayRenew: true, at: now) else { return nil }
        return lease
    }

    @Test("a lease counts from when it was asked for, up to a second before its ttl")
    func validity() {
        let lock = held(at: 1_900)
        #expect(lock.lease(at: 5_999)?.token == 7)
        #expect(lock.lease(at: 6_000) == nil)
        #expect(lock.isHeld)
    }

    @Test("an answer that comes when its lease is over is no grant; it is asked for again at once")
    func lateGrant() {
        var lock = Lock(ttl: ttl, at: 0)
        #expect(lock.ticked(mayRenew: true, at: 0) == .ask)
        #expect(lock.askAnswered(.granted(token: 1, generation: 1), at: 5_000) == .waiting)
        #expect(lock.lease(at: 5_000) == nil)
        #expect(lock.ticked(mayRenew: true, at: 5_000) == .ask)
        guard case .granted = lock.askAnswered(.granted(token: 1, generation: 1), at: 9_999) else {
            Issue.record("not granted a millisecond before the end")
            return
        }
    }

    @Test("it is renewed at a third of the ttl, by one request at a time, and the lease moves on with its sending")
    func renewal() {
        var lock = held()
        #expect(renewal(&lock, at: 2_999) == nil)
        #expect(renewal(&lock, at: 3_000)?.generation == 3)
        #expect(renewal(&lock, at: 3_500) == nil)
        #expect(lock.renewAnswered(.renewed, at: 4_000) == .nothing)
        #expect(lock.lease(at: 7_999) != nil && lock.lease(at: 8_000) == nil)
        #expect(renewal(&lock, at: 4_999) == nil)
        #expect(renewal(&lock, at: 5_000) != nil)
    }

    @Test("what is not alive is not renewed")
    func dead() {
        var lock = held()
        #expect(lock.ticked(mayRenew: false, at: 5_999) == .nothing)
        #expect(lock.ticked(mayRenew: false, at: 6_000) == .lost(.expired))
        #expect(lock.ticked(mayRenew: true, at: 6_001) == .nothing)
    }

    @Test("without an answer it is tried again soon, and lost in the end")
    func unanswered() {
        var lock = held()
        #expect(renewal(&lock, at: 3_000) != nil)
        lock.unanswered(at: 3_100)
        #expect(renewal(&lock, at: 3_349) == nil)
        #expect(renewal(&lock, at: 3_350) != nil)
        #expect(lock.ticked(mayRenew: true, at: 6_000) == .lost(.expired))
        #expect(lock.renewAnswered(.renewed, at: 6_001) == .nothing)
        #expect(lock.lease(at: 6_001) == nil)
    }

    @Test("a good answer after the end does not bring the lease back")
    func lateRenewal() {
        var lock = held()
        #expect(renewal(&lock, at: 5_000) != nil)
        #expect(lock.renewAnswered(.renewed, at: 6_000) == .lost(.expired))
    }

    @Test("a lock that is another's is lost at once")
    func notOwner() {
        var lock = held()
        #expect(renewal(&lock, at: 3_000) != nil)
        #expect(lock.renewAnswered(.lost, at: 3_010) == .lost(.notOwner))
    }

    @Test("in another generation it is reclaimed with its token, or lost")
    func generations() throws {
        var lock = held()
        lock.storeReturned(at: 2_000)
        let lease = try #require(renewal(&lock, at: 2_000))
        #expect(lock.renewAnswered(.changed, at: 2_010) == .reclaim(lease))
        #expect(renewal(&lock, at: 3_000) == nil)
        var refused = lock
        #expect(refused.renewAnswered(.lost, at: 2_020) == .lost(.generationChanged))
        guard case .reclaimed(let next) = lock.renewAnswered(.granted(token: 7, generation: 9), at: 2_020) else {
            Issue.record("not reclaimed")
            return
        }
        #expect(next.token == 7 && next.generation == 9)
        // The reclaim was sent at 2,010.
        #expect(lock.lease(at: 7_009) != nil && lock.lease(at: 7_010) == nil)
    }

    @Test("a waiter asks when the holder's ttl ends if it is the first, each second else, and at once when woken")
    func polls() {
        var lock = Lock(ttl: ttl, at: 0)
        #expect(lock.ticked(mayRenew: true, at: 0) == .ask)
        #expect(lock.askAnswered(.waiting(span: 200, isFirst: true), at: 10) == .waiting)
        #expect(lock.ticked(mayRenew: true, at: 210) == .nothing)
        #expect(lock.ticked(mayRenew: true, at: 211) == .ask)
        #expect(lock.askAnswered(.quarantine(span: 200, isFirst: false), at: 300) == .quarantined(span: 200))
        #expect(lock.ticked(mayRenew: true, at: 1_299) == .nothing)
        lock.woken(at: 1_299)
        #expect(lock.ticked(mayRenew: true, at: 1_299) == .ask)
        // Woken while it asks: the answer may be older than the wake-up.
        lock.woken(at: 1_300)
        #expect(lock.askAnswered(.waiting(span: 5_000, isFirst: true), at: 1_310) == .waiting)
        #expect(lock.ticked(mayRenew: true, at: 1_310) == .ask)
        #expect(lock.askAnswered(.full, at: 1_320) == .full)
        #expect(lock.ticked(mayRenew: true, at: 9_999) == .nothing)
    }
}
