import ClusterState
import Core
import NetworkIO
import Testing

@testable import RedisLink

@Suite("The store on Redis", .serialized)
struct RedisStoreTests {
    /// Adds a number to a key and answers the sum.
    private static let add = StoreScript(
        name: "add", lua: Array("return redis.call('INCRBY', KEYS[1], ARGV[1])".utf8),
        twin: { _, _, _ throws(StoreFault) in .null })
    private static let wrong = StoreScript(
        name: "wrong", lua: Array("return redis.error_reply('NOSCRIPT of its own')".utf8),
        twin: { _, _, _ throws(StoreFault) in .null })

    private final class Fixture {
        let server: RedisProcess
        let driver: LinkDriver
        let client: RedisClient
        let store: RedisStore
        var results: [StoreResult] = []
        /// Which call each result was of.
        var order: [Int] = []
        private var calls = 0

        init(limits: RedisLimits = RedisLimits()) throws {
            server = try RedisProcess()
            driver = try LinkDriver()
            let options = try RedisOptions(port: server.port, limits: limits)
            let client = RedisClient(options, loop: driver.loop, seed: .random(in: .min ... .max))
            self.client = client
            store = RedisStore(client)
            driver.ticked = { client.ticked() }
            client.start()
            driver.run(until: { client.isReady })
        }

        deinit { client.stop() }

        func perform(_ operation: StoreOperation) {
            let number = calls
            calls += 1
            store.perform(operation) { result in
                self.order.append(number)
                self.results.append(result)
            }
        }

        func add(_ number: Int) {
            perform(.script(RedisStoreTests.add, keys: [Array("sum".utf8)], arguments: [Array("\(number)".utf8)]))
        }

        /// Waits for all results.
        func settle() { driver.run(until: { self.results.count == self.calls }) }
    }

    private let key = Array("key".utf8)

    @Test("operations of each kind")
    func operations() throws {
        let fixture = try Fixture()
        fixture.perform(.set(key: key, value: [1, 2], expiry: 60_000, onlyIfAbsent: true))
        fixture.perform(.set(key: key, value: [3], onlyIfAbsent: true))
        fixture.perform(.get(key: key))
        fixture.perform(.hashGet(key: key, field: [1]))
        fixture.perform(.streamAppend(key: [9], id: StreamID(5, 0), pairs: [StorePair([1], [2])]))
        fixture.perform(.streamRange(key: [9], first: StreamID(0, 0), last: StreamID(9, 0)))
        fixture.settle()
        let entry = StoreReply.array([.bytes(Array("5-0".utf8)), .array([.bytes([1]), .bytes([2])])])
        #expect(fixture.results[0] == .success(.status("OK")) && fixture.results[1] == .success(.null))
        #expect(fixture.results[2] == .success(.bytes([1, 2])))
        guard case .failure(.refused(code: "WRONGTYPE", _)) = fixture.results[3] else {
            Issue.record("\(fixture.results[3])")
            return
        }
        #expect(fixture.results[4] == .success(.bytes(Array("5-0".utf8))))
        #expect(fixture.results[5] == .success(.array([entry])))
    }

    @Test("an unknown script is sent once, and completions stay in order, also after SCRIPT FLUSH")
    func scripts() throws {
        let fixture = try Fixture()
        for _ in 0..<2 {
            for number in 1...20 {
                fixture.add(number)
                fixture.perform(.get(key: key))
            }
            fixture.settle()
            #expect(fixture.order == Array(fixture.order.indices))
            let outcomes = OutcomeRecord()
            fixture.client.send(words("SCRIPT", "FLUSH"), outcomes.completion)
            fixture.driver.run(until: { outcomes.results.count == 1 })
        }
        #expect(fixture.results.count == 80 && fixture.results.allSatisfy { (try? $0.get()) != nil })
        fixture.perform(.get(key: Array("sum".utf8)))
        fixture.settle()
        #expect(fixture.results.last == .success(.bytes(Array("420".utf8))), "each ran once")
    }

    @Test("a script that answers NOSCRIPT itself is not called for ever")
    func ownNoScript() throws {
        let fixture = try Fixture()
        fixture.perform(.script(Self.wrong, keys: [], arguments: []))
        fixture.settle()
        #expect(fixture.results == [.failure(.refused(code: "NOSCRIPT", message: "of its own"))])
    }

    @Test("what a bound has no room for waits, and nothing of it is lost; lanes do not wait for each other")
    func bounds() throws {
        var limits = RedisLimits()
        limits.outstandingMax = 16
        limits.backgroundMax = 4
        let fixture = try Fixture(limits: limits)
        for _ in 0..<500 { fixture.perform(.listAppend(key: key, values: [[1]])) }
        #expect(fixture.client.outstanding == 2 && fixture.store.waiting(in: .background) == 498)
        var commits: [StoreResult] = []
        var before: Int?
        for _ in 0..<20 {
            fixture.store.perform(.listAppend(key: [1], values: [[1]]), in: .commits) { result in
                commits.append(result)
                before = before ?? fixture.results.count
            }
        }
        #expect(fixture.client.outstanding == 13 && fixture.store.waiting(in: .commits) == 9)
        fixture.settle()
        fixture.driver.run(until: { commits.count == 20 })
        #expect(fixture.order == Array(0..<500) && commits == (1...20).map { .success(.integer($0)) })
        #expect(fixture.results == (1...500).map { .success(.integer($0)) })
        #expect(before ?? .max <= 3, "a commit had \(before ?? -1) others before it")
    }

    @Test("reads go before the background, whatever waits there")
    func reads() throws {
        var limits = RedisLimits()
        limits.backgroundMax = 8
        let fixture = try Fixture(limits: limits)
        var done: [Int] = []
        for _ in 0..<100 { fixture.store.perform(.listAppend(key: key, values: [[1]])) { _ in done.append(0) } }
        for _ in 0..<20 { fixture.store.perform(.listLength(key: key), in: .reads) { _ in done.append(1) } }
        fixture.driver.run(until: { done.count == 120 })
        #expect(done.lastIndex(of: 1) ?? 120 < 60, "\(done)")
    }

    @Test("bytes bound the background, too; one larger operation passes alone")
    func backgroundBytes() throws {
        var limits = RedisLimits()
        limits.backgroundBytesMax = 1000
        let fixture = try Fixture(limits: limits)
        let value = [UInt8](repeating: 1, count: 400)
        for _ in 0..<10 { fixture.perform(.set(key: key, value: value)) }
        #expect(fixture.client.outstanding == 3)
        fixture.perform(.set(key: key, value: [UInt8](repeating: 1, count: 5000)))
        fixture.settle()
        #expect(fixture.results.allSatisfy { $0 == .success(.status("OK")) })
    }

    @Test("without a connection nothing waits: what was not sent is unavailable, in order")
    func waitingLost() throws {
        var limits = RedisLimits()
        limits.backgroundMax = 4
        let fixture = try Fixture(limits: limits)
        fixture.server.freeze()
        for _ in 0..<5 { fixture.perform(.listAppend(key: key, values: [[1]])) }
        fixture.driver.run(until: { true })
        fixture.server.kill()
        fixture.driver.run(until: { !fixture.client.isReady })
        fixture.perform(.get(key: key))
        #expect(fixture.order == Array(0..<6))
        #expect(
            fixture.results == [.failure(.uncertain), .failure(.uncertain)]
                + Array(repeating: .failure(.unavailable), count: 4))
    }

    @Test("a script that is not known any more is sent by its text also when many calls wait")
    func waitingScripts() throws {
        var limits = RedisLimits()
        limits.backgroundMax = 4
        let fixture = try Fixture(limits: limits)
        let outcomes = OutcomeRecord()
        for number in 1...30 {
            fixture.add(number)
            if number % 10 == 0 { fixture.client.send(words("SCRIPT", "FLUSH"), outcomes.completion) }
        }
        fixture.settle()
        #expect(fixture.order == Array(0..<30))
        #expect(fixture.results.allSatisfy { (try? $0.get()) != nil })
        fixture.perform(.get(key: Array("sum".utf8)))
        fixture.settle()
        #expect(fixture.results.last == .success(.bytes(Array("465".utf8))))
    }

    @Test("what says that Redis can't serve is away, with its lane; what blames the command is refused")
    func refusals() throws {
        let fixture = try Fixture()
        var seen: [String] = []
        fixture.store.refused = { refusal, lane in seen.append("\(refusal.code) \(lane)") }
        fixture.perform(.hashGet(key: key, field: [1]))
        let outcomes = OutcomeRecord()
        fixture.client.send(words("CONFIG", "SET", "maxmemory", "1"), outcomes.completion)
        fixture.perform(.set(key: key, value: [1]))
        fixture.client.send(words("CONFIG", "SET", "maxmemory", "0"), outcomes.completion)
        fixture.client.send(words("REPLICAOF", "127.0.0.1", "1"), outcomes.completion)
        fixture.store.perform(.set(key: key, value: [1]), in: .commits) { fixture.results.append($0) }
        fixture.driver.run(until: { fixture.results.count == 3 })
        #expect(seen == ["OOM background", "READONLY commits"])
        #expect(fixture.results[0] == .success(.null))
        guard case .failure(.away(let memory)) = fixture.results[1],
            case .failure(.away(let replica)) = fixture.results[2]
        else {
            Issue.record("\(fixture.results)")
            return
        }
        #expect(memory.kind == .outOfMemory && replica.kind == .readOnly)
    }

    @Test("the end of the connection ends every call, in order; a call from a completion is one more")
    func lost() throws {
        let fixture = try Fixture()
        var late: StoreResult?
        fixture.perform(.get(key: key))
        fixture.store.perform(.get(key: key)) { _ in
            fixture.store.perform(.get(key: [1])) { late = $0 }
        }
        fixture.perform(.get(key: key))
        fixture.server.freeze()
        // A turn in which all of it leaves.
        fixture.driver.run(until: { true })
        fixture.server.kill()
        fixture.driver.run(until: { late != nil })
        #expect(fixture.results == [.failure(.uncertain), .failure(.uncertain)] && late == .failure(.unavailable))
        #expect(fixture.order == [0, 1])
    }

    @Test("a subscriber gets what others publish; a second receiver takes the first one's place")
    func subscriptions() throws {
        let fixture = try Fixture()
        var (first, second): ([StoreNotice], [StoreNotice]) = ([], [])
        let channel = Array("news".utf8)
        func publish(_ byte: UInt8, until count: Int) {
            // Redis says how many it reached: once that is one, the subscription is there.
            fixture.driver.run(until: {
                if fixture.client.outstanding == 0, fixture.results.last != .success(.integer(count)) {
                    fixture.perform(.publish(channel: channel, payload: [byte]))
                }
                return fixture.results.last == .success(.integer(count))
            })
            fixture.results = []
        }
        fixture.store.subscribe(channel) { first.append($0) }
        publish(1, until: 1)
        fixture.driver.run(until: { first == [.live, .message([1])] })
        fixture.store.subscribe(channel) { second.append($0) }
        publish(2, until: 1)
        fixture.driver.run(until: { second == [.live, .message([2])] })
        #expect(first == [.live, .message([1])])
        fixture.store.unsubscribe(channel)
        fixture.store.unsubscribe(channel)
        publish(3, until: 0)
        #expect(first.count == 2 && second.count == 2)
    }
}
