import Foundations
import TestSupport
import Testing

@testable import ControlPlane

@Suite("What dead nodes left is swept")
struct SweepTests {
    private let room = LogKeys(room: Identifier(unchecked: "room"))
    private let user = LogKeys(user: Identifier(unchecked: "ann"))
    private let ann = Identifier(unchecked: "ann")

    private func run(_ store: MemoryStore, _ operation: StoreOperation) -> StoreReply {
        var reply = StoreReply.null
        store.perform(operation) { reply = (try? $0.get()) ?? .null }
        return reply
    }

    @Test("who was on a dead node goes, and is told of; unknown nodes are named; a session begins to run out")
    func sweeping() {
        let store = MemoryStore(runID: "0") { 0 }
        var told: [RoomPresence.Change] = []
        store.subscribe(room.channel) { notice in
            if case .message(let payload) = notice, let change = RoomPresence.publication(payload) {
                told.append(change)
            }
        }
        let record = Array("n\nd\n\n1".utf8)
        for boot in ["dead", "alive", "who"] {
            _ = run(store, RoomPresence.operation(room, boot: boot, user: ann, record: record))
        }
        _ = run(store, RoomPresence.operation(user, boot: "dead", user: ann, record: record))
        let news = UserSession.News(messages: 2, lastActiveAt: 5, newID: "s1")
        _ = run(store, UserSession.operation(user, news, at: 5, ttl: 100))
        told = []
        let nodes = Sweep.Nodes(gone: ["dead"], living: ["alive"])
        let page = Sweep.page(run(store, Sweep.keys(from: Sweep.start)))
        #expect(page?.next == nil && Set(page?.keys ?? []) == [room.members, user.members])
        func sweep(_ key: [UInt8]) -> Sweep.Answer? {
            Sweep.answer(run(store, Sweep.operation(key, nodes, at: 9_000, sessionTTL: 100)))
        }
        #expect(sweep(room.members) == Sweep.Answer(removed: 1, unknown: ["who"]))
        #expect(sweep(room.members) == Sweep.Answer(removed: 0, unknown: ["who"]))
        #expect(told == [RoomPresence.Change(boot: "dead", user: ann, record: [])])
        #expect(sweep(user.members) == Sweep.Answer(removed: 1, unknown: []))
        let again = UserSession(run(store, UserSession.operation(user, news, at: 9_100, ttl: 100)))
        #expect(again?.isResumed == true && again?.lastActiveAt == 9_000)
        #expect(UserSession(run(store, UserSession.operation(user, news, at: 9_300, ttl: 100)))?.isResumed == false)
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

    @Test("the Lua and its twin give the same", arguments: [1, 2] as [UInt64])
    func twins(seed: UInt64) throws {
        let server = try #require(RedisServer())
        let redis = try #require(RedisDialogue(path: server.path))
        let memory = MemoryStore(runID: "0") { 1_700_000_000_000_000 }
        var random = SplitMix64(seed: seed)
        let boots = ["a", "b", "c", "d"]
        for step in 0..<300 {
            let operation: StoreOperation
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                let news = UserSession.News(messages: 1, lastActiveAt: step, newID: "s\(step)")
                operation = UserSession.operation(user, news, at: step, ttl: 1_000_000)
            case 1, 2, 3:
                operation = RoomPresence.operation(
                    user, boot: boots[Int.random(in: 0..<4, using: &random)], user: ann,
                    record: Array("n\(step)\nd\n\n1".utf8))
            default:
                let shuffled = boots.shuffled(using: &random)
                let nodes = Sweep.Nodes(gone: Array(shuffled.prefix(2)), living: [shuffled[2]])
                operation = Sweep.operation(user.members, nodes, at: step, sessionTTL: 1_000_000)
            }
            for operation in [operation, .hashGetSome(key: user.session, fields: [Array("last".utf8)])] {
                var ours = StoreResult.failure(.uncertain)
                memory.perform(operation) { ours = $0 }
                #expect(try #require(redis.perform(operation)) == ours, "seed \(seed), step \(step)")
            }
        }
    }
}
