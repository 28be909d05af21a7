import Foundations
import TestSupport
import Testing

@testable import ControlPlane

@Suite("Who is in a room, as the store has it")
struct RoomPresenceTests {
    private let keys = LogKeys(room: Identifier(unchecked: "room"))
    private let ann = Identifier(unchecked: "ann")

    @Test("what is told is published and read; what changes nothing is not")
    func telling() {
        let memory = MemoryStore(runID: "0") { 0 }
        var published: [RoomPresence.Change?] = []
        memory.subscribe(keys.channel) { notice in
            if case .message(let payload) = notice { published.append(RoomPresence.publication(payload)) }
        }
        let here = RoomPresence.Change(boot: "b", user: ann, record: Array("n\nphone\n\n7".utf8))
        let gone = RoomPresence.Change(boot: "b", user: ann, record: [])
        for change in [here, gone, gone] {
            memory.perform(
                RoomPresence.operation(keys, boot: change.boot, user: change.user, record: change.record)
            ) { _ in }
            var read: [RoomPresence.Change]?
            memory.perform(RoomPresence.all(keys)) { read = (try? $0.get()).flatMap(RoomPresence.entries) }
            #expect(read == (change == here ? [here] : []))
        }
        #expect(published == [here, gone])
    }

    @Test("a publication of messages is none of presence, and the other way round")
    func publications() {
        for text in ["", "@", "@b", "@b\nann", "e1\n1\n1\na", "@b\na/b\nx"] {
            #expect(RoomPresence.publication(Array(text.utf8)) == nil, "\(text)")
        }
        #expect(LogCommit.publication(Array("@b\nann\nn".utf8)) == nil)
    }

    @Test("the Lua and its twin give the same", arguments: [1, 2] as [UInt64])
    func twins(seed: UInt64) throws {
        let server = try #require(RedisServer())
        let redis = try #require(RedisDialogue(path: server.path))
        let memory = MemoryStore(runID: "0") { 1_700_000_000_000_000 }
        var random = SplitMix64(seed: seed)
        for step in 0..<300 {
            let user = Identifier(unchecked: "u\(Int.random(in: 0..<4, using: &random))")
            let record = Bool.random(using: &random) ? Array("n\(step)".utf8) : []
            let operation = RoomPresence.operation(
                keys, boot: "b\(Int.random(in: 0..<2, using: &random))", user: user, record: record)
            for operation in [operation, .exists(keys: [keys.members])] {
                var ours = StoreResult.failure(.uncertain)
                memory.perform(operation) { ours = $0 }
                #expect(try #require(redis.perform(operation)) == ours, "seed \(seed), step \(step)")
            }
        }
    }
}
