import Core
import TestSupport
import Testing

@testable import ClusterState

@Suite("A probe of the store")
struct StoreProbeTests {
    private let probe = StoreProbe(name: "run:0")
    private let keys = ["place", "log", "id"].map { Array("sluice:{probe:run:0}:\($0)".utf8) }

    private func store(_ microseconds: @escaping () -> Int) -> MemoryStore {
        MemoryStore(boot: "0", microseconds: microseconds)
    }

    @Test("it is written with an expiry, read and published")
    func once() {
        var micros = 1_700_000_000_000_000
        let memory = store { micros }
        var heard: [Int?] = []
        memory.subscribe(probe.channel) { notice in
            if case .message(let payload) = notice { heard.append(StoreProbe.number(payload)) }
        }
        for number in [1, 2, 7] {
            var result: StoreResult?
            memory.perform(probe.operation(number)) { result = $0 }
            #expect(result == .success(.bytes(Array(String(number).utf8))))
        }
        #expect(heard == [1, 2, 7] && memory.keyCount == 3)
        micros += 31_000_000
        var left: StoreResult?
        memory.perform(.exists(keys: keys)) { left = $0 }
        #expect(left == .success(.integer(0)))
    }

    @Test("the Lua and its twin give the same")
    func twins() throws {
        let server = try #require(RedisServer())
        let redis = try #require(RedisDialogue(path: server.path))
        let memory = store { 1_700_000_000_000_000 }
        // The third is no greater than the second: the stream refuses it.
        for number in [1, 2, 2, 3, 1_000_000_000_000] {
            let all: [StoreOperation] = [
                probe.operation(number), .get(key: keys[2]), .hashGetAll(key: keys[0]),
                .streamRange(key: keys[1], first: .lowest, last: .highest),
            ]
            for operation in all {
                var ours = StoreResult.failure(.uncertain)
                memory.perform(operation) { ours = $0 }
                let theirs = try #require(redis.perform(operation))
                if case (.failure(.refused(let code, _)), .failure(.refused(let other, _))) = (ours, theirs) {
                    #expect(code == other)
                } else {
                    #expect(theirs == ours, "\(number)")
                }
            }
        }
    }
}
