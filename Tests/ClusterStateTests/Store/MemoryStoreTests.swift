import ClusterState
import Testing

@Suite("The memory store")
struct MemoryStoreTests {
    private final class Clock {
        var microseconds = 1_700_000_000_123_456
    }

    private let clock = Clock()
    private let store: MemoryStore
    private let key = Array("key".utf8)

    init() {
        store = MemoryStore(boot: "c0ffee") { [clock] in clock.microseconds }
    }

    private func perform(_ operation: StoreOperation) -> StoreResult {
        var results: [StoreResult] = []
        store.perform(operation) { results.append($0) }
        #expect(results.count == 1)
        return results[0]
    }

    @Test("a key is there until its last millisecond has ended")
    func expiry() {
        #expect(perform(.set(key: key, value: [1], expiry: 500)) == .success(.status("OK")))
        clock.microseconds += 200_000
        #expect(perform(.timeToLive(key: key)) == .success(.integer(300)))
        clock.microseconds += 300_000
        #expect(perform(.timeToLive(key: key)) == .success(.integer(0)))
        #expect(perform(.get(key: key)) == .success(.bytes([1])))
        clock.microseconds += 1_000
        #expect(perform(.get(key: key)) == .success(.null))
        #expect(perform(.timeToLive(key: key)) == .success(.integer(-2)))
    }

    @Test("what has expired goes although nobody asks for it")
    func sweep() {
        for number in 0..<2_000 {
            _ = perform(.set(key: Array("\(number)".utf8), value: [], expiry: 10))
            clock.microseconds += 1_000
        }
        #expect(store.keyCount < 1_100)
    }

    @Test("the time is given as Redis gives it, and the run by its id")
    func server() {
        let parts = ["1700000000", "123456"].map { StoreReply.bytes(Array($0.utf8)) }
        #expect(perform(.time) == .success(.array(parts)))
        #expect(perform(.serverInfo) == .success(.bytes(Array("# Server\r\nrun_id:c0ffee\r\n".utf8))))
    }

    @Test("publications come in order, after the completion, and only to who subscribed")
    func publications() {
        var seen: [String] = []
        store.subscribe(key) { notice in
            if case .message(let payload) = notice { seen.append("got \(payload[0])") } else { seen.append("live") }
        }
        let other = Array("other".utf8)
        store.subscribe(other) { [store, key] notice in
            guard notice != .live else { return }
            seen.append("other")
            store.perform(.publish(channel: key, payload: [2])) { _ in seen.append("sent 2") }
        }
        store.perform(.publish(channel: other, payload: [0])) { seen.append("sent \($0 == .success(.integer(1)))") }
        store.perform(.publish(channel: key, payload: [3])) { _ in seen.append("sent 3") }
        #expect(seen == ["live", "sent true", "other", "sent 2", "got 2", "sent 3", "got 3"])
        store.unsubscribe(key)
        #expect(perform(.publish(channel: key, payload: [4])) == .success(.integer(0)))
        #expect(seen.count == 7)
    }

    @Test("a script within a script is refused, and so is what its twin throws")
    func scripts() {
        let inner = StoreScript(name: "inner", lua: []) { _, _, _ in .integer(1) }
        let outer = StoreScript(name: "outer", lua: []) { operations, _, _ throws(StoreFault) in
            try operations.call(.script(inner, keys: [], arguments: []))
        }
        let refusal = StoreFault.refused(code: "ERR", message: "This Redis command is not allowed from script")
        #expect(perform(.script(outer, keys: [], arguments: [])) == .failure(refusal))
        #expect(perform(.script(inner, keys: [], arguments: [])) == .success(.integer(1)))
    }
}
