import Core
import TestSupport
import Testing

@testable import ClusterState

@Suite("What dead nodes left is swept")
struct SweepTests {
    private let room = LogKeys(room: Identifier(unchecked: "room"))
    private let user = LogKeys(user: Identifier(unchecked: "ann"))
    private let ann = Identifier(unchecked: "ann")
    private let spans = Sweep.Spans(sessionTTL: 100, nodeExpiry: 9_000)

    /// An empty store whose clock stands at these Unix milliseconds.
    private func store(_ now: @escaping () -> Int) -> MemoryStore { MemoryStore(boot: "0") { now() * 1000 } }

    private func run(_ store: MemoryStore, _ operation: StoreOperation) -> StoreReply {
        var reply = StoreReply.null
        store.perform(operation) { reply = (try? $0.get()) ?? .null }
        return reply
    }

    @Test("who was on a dead node goes, and that is published; unknown nodes are named; a session begins to run out")
    func sweeping() {
        var now = 9_000
        let store = self.store { now }
        var changes: [RoomPresence.Change] = []
        store.subscribe(room.channel) { notice in
            if case .message(let payload) = notice, let change = RoomPresence.publication(payload) {
                changes.append(change)
            }
        }
        let record = Array("1\nn\nd\n\n1".utf8)
        for boot in ["dead", "alive", "who"] {
            _ = run(store, RoomPresence.operation(room, boot: boot, user: ann, record: record))
        }
        _ = run(store, RoomPresence.operation(user, boot: "dead", user: ann, record: record))
        let news = UserSession.News(messages: 2, lastActiveAgo: nil, newID: "s1")
        _ = run(store, UserSession.operation(user, news, ttl: 100))
        changes = []
        let nodes = Sweep.Nodes(gone: ["dead"], living: ["alive"])
        let page = Sweep.page(run(store, Sweep.keys(from: Sweep.start)))
        #expect(page?.next == nil && Set(page?.keys ?? []) == [room.members, user.members])
        func sweep(_ key: [UInt8]) -> Sweep.Outcome? {
            Sweep.answer(run(store, Sweep.operation(key, nodes, spans)))
        }
        #expect(
            sweep(room.members)
                == Sweep.Outcome(
                    removed: 1, removals: [.init(user: ann, verdict: [.changed])], unknown: ["who"], next: nil))
        #expect(sweep(room.members) == Sweep.Outcome(removed: 0, removals: [], unknown: ["who"], next: nil))
        #expect(changes == [RoomPresence.Change(boot: "dead", user: ann, record: [])])
        #expect(
            sweep(user.members)
                == Sweep.Outcome(
                    removed: 1, removals: [.init(user: ann, verdict: [.changed, .alone, .empty])], unknown: [],
                    next: nil))
        now = 9_100
        let again = UserSession(run(store, UserSession.operation(user, news, ttl: 100)))
        #expect(again?.isResumed == true && again?.lastActiveAt == 9_000)
        now = 9_301
        #expect(UserSession(run(store, UserSession.operation(user, news, ttl: 100)))?.isResumed == false)
    }

    @Test("a node that beats at the moment of the sweep keeps its users, whatever the sweeper believes")
    func livingNodes() {
        var now = 1_700_000_000_000
        let store = self.store { now }
        func beat(_ boot: String) {
            let record = NodeRecord(Array("format=9".utf8), boot: boot)
            _ = run(store, Beat.operation(boot: boot, record: record, isPublished: false, expiryMilliseconds: 9_000))
        }
        func sweep() -> Sweep.Outcome? {
            let nodes = Sweep.Nodes(gone: ["a", "b"], living: [])
            return Sweep.answer(run(store, Sweep.operation(room.members, nodes, spans)))
        }
        for boot in ["a", "b"] {
            beat(boot)
            _ = run(store, RoomPresence.operation(room, boot: boot, user: ann, record: Array("1\nn".utf8)))
        }
        #expect(sweep() == Sweep.Outcome(removed: 0, removals: [], unknown: ["a", "b"], next: nil))
        now += 9_000
        beat("a")
        #expect(sweep()?.removed == 0)
        now += 1
        #expect(sweep()?.removed == 1)
        let left = RoomPresence.page(run(store, RoomPresence.page(room, from: RoomPresence.start)))
        #expect(left?.entries.map(\.boot) == ["a"])
    }

    @Test("a key of another kind that ends alike is none to be swept")
    func keys() {
        let store = self.store { 0 }
        let id = room.id(user: ann, id: Array("}:members".utf8))
        for key in [room.members, user.members, id, room.id(user: ann, id: Array("x:members".utf8))] {
            _ = run(store, .set(key: key, value: [1]))
        }
        let page = Sweep.page(run(store, Sweep.keys(from: Sweep.start)))
        #expect(Set(page?.keys ?? []) == [room.members, user.members])
    }

    @Test("a key of very many entries is swept in parts, and all of it")
    func parts() throws {
        let server = try #require(RedisServer())
        let redis = try #require(RedisDialogue(path: server.path))
        for start in stride(from: 0, to: 5_000, by: 500) {
            let pairs = (start..<(start + 500)).map { number in
                StorePair(Array("\(number % 2 == 0 ? "dead" : "alive")\nu\(number)".utf8), Array("1\nn".utf8))
            }
            _ = redis.perform(.hashSet(key: room.members, pairs: pairs))
        }
        let nodes = Sweep.Nodes(gone: ["dead"], living: ["alive"])
        var (cursor, removed, rounds) = (Sweep.start, 0, 0)
        while rounds < 100 {
            rounds += 1
            let result = redis.perform(Sweep.operation(room.members, from: cursor, nodes, spans))
            let answer = try #require(try result?.get()).flatMap(Sweep.answer)
            removed += try #require(answer).removed
            guard let next = answer?.next else { break }
            cursor = next
        }
        #expect(removed == 2_500 && rounds > 1)
    }

    @Test("a node counts as dead when it is said so, or when nobody has known it for long")
    func plan() {
        var plan = SweepPlan(expiry: 9_000, at: 0)
        #expect(plan.isDue(at: 0) && plan.nodes(living: ["me"], at: 0) == Sweep.Nodes(gone: [], living: ["me"]))
        plan.swept(unknown: ["x"], at: 0)
        #expect(!plan.isDue(at: 14_999) && plan.isDue(at: 15_000))
        #expect(plan.nodes(living: ["me"], at: 15_000).gone.isEmpty)
        plan.swept(unknown: ["x", "y"], at: 15_000)
        #expect(plan.nodes(living: ["me", "x"], at: 30_000).gone.isEmpty)
        #expect(plan.nodes(living: ["me"], at: 30_000).gone == ["x"])
        plan.swept(unknown: [], at: 30_000)
        #expect(!plan.isDue(at: 329_999) && plan.isDue(at: 330_000))
        plan.nodeGone("z", at: 31_000)
        #expect(plan.isDue(at: 31_000) && plan.nodes(living: [], at: 31_000).gone == ["z"])
    }

    @Test("A node that goes while a sweep is under way is swept by the next one, at once")
    func during() {
        var plan = SweepPlan(expiry: 3_000, at: 0)
        plan.sweepBegan()
        plan.nodeGone("z", at: 100)
        plan.swept(unknown: [], at: 200)
        #expect(plan.isDue(at: 200))
        plan.sweepBegan()
        plan.swept(unknown: [], at: 300)
        #expect(!plan.isDue(at: 300))
    }

    @Test("A node that is gone and counts as beating for a moment more is swept one expiry later")
    func doubt() {
        var plan = SweepPlan(expiry: 3_000, at: 0)
        plan.nodeGone("z", at: 1_000)
        plan.sweepBegan()
        plan.swept(unknown: ["z"], at: 1_000)
        #expect(!plan.isDue(at: 3_999) && plan.isDue(at: 4_000))
        #expect(plan.nodes(living: [], at: 4_000).gone.contains("z"))
        plan.nodeReturned("z")
        plan.swept(unknown: ["z"], at: 4_000)
        #expect(!plan.isDue(at: 18_999) && plan.isDue(at: 19_000))
    }

    @Test("the Lua and its twin give the same", arguments: [1, 2] as [UInt64])
    func twins(seed: UInt64) throws {
        let server = try #require(RedisServer())
        let redis = try #require(RedisDialogue(path: server.path))
        let memory = store { 1_700_000_000_000 }
        var random = SplitMix64(seed: seed)
        let boots = ["a", "b", "c", "d"]
        for step in 0..<300 {
            let operation: StoreOperation
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                let news = UserSession.News(messages: 1, lastActiveAgo: 5, newID: "s\(step)")
                operation = UserSession.operation(user, news, ttl: 1_000_000)
            case 1, 2, 3:
                operation = RoomPresence.operation(
                    user, boot: boots[Int.random(in: 0..<4, using: &random)], user: ann,
                    record: Array("n\(step)\nd\n\n1".utf8))
            default:
                let shuffled = boots.shuffled(using: &random)
                let nodes = Sweep.Nodes(gone: Array(shuffled.prefix(2)), living: [shuffled[2]])
                operation = Sweep.operation(
                    user.members, nodes, Sweep.Spans(sessionTTL: 1_000_000, nodeExpiry: 9_000))
            }
            // The two clocks are not the same: the time of the last sign is left out.
            let fields = ["id", "count"].map { Array($0.utf8) }
            for operation in [operation, .hashGetSome(key: user.session, fields: fields)] {
                var ours = StoreResult.failure(.uncertain)
                memory.perform(operation) { ours = $0 }
                #expect(
                    timeless(try #require(redis.perform(operation))) == timeless(ours), "seed \(seed), step \(step)")
            }
        }
    }

    /// The result without moments of this century.
    private func timeless(_ result: StoreResult) -> StoreResult {
        guard case .success(.array(let parts)) = result else { return result }
        return .success(.array(parts.map { if case .integer(1_000_000_000_000...) = $0 { .null } else { $0 } }))
    }
}
