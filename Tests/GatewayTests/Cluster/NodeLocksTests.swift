import ClusterState
import Core
import Logging
import NetworkIO
import Testing
import WireProtocol

@testable import Gateway

@Suite("A node's locks")
struct NodeLocksTests {
    private let context: NodeContext
    private let locks: NodeLocks

    init() throws {
        let configuration = try Configuration.load(environment: ["WORKERS": "2"], dotEnv: "", cores: 1)
        context = NodeContext(
            configuration: configuration, nodeID: "n", port: 1,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, connectionsMax: 1, openFilesMax: 1,
            startedAt: 0)
        locks = NodeLocks(context: context)
    }

    private func acquire(_ name: String, wait: Int = 0) -> Result<LockHandle, LockError>? {
        var result: Result<LockHandle, LockError>?
        let request = LockRequest(name: Identifier(unchecked: name), owner: "test", ttl: 3_000, wait: wait) { _ in }
        locks.keeper.acquire(request) { result = $0 }
        return result
    }

    @Test("in single mode they are granted at once, from memory")
    func single() throws {
        let handle = try #require(try acquire("janitor")?.get())
        #expect(handle.token > 0 && handle.check(at: Clock.bootMilliseconds()))
    }

    @Test("workers are notified when something has changed, and only then")
    func report() throws {
        locks.ticked()
        #expect(context.mailboxes.allSatisfy { $0.takeAll().isEmpty })
        _ = try acquire("b")?.get()
        let handle = try #require(try acquire("a")?.get())
        _ = try acquire("a")?.get()
        locks.ticked()
        #expect(context.mailboxes.allSatisfy { $0.takeAll().count == 1 })
        locks.ticked()
        #expect(context.mailboxes.allSatisfy { $0.takeAll().isEmpty })
        locks.keeper.release(handle)
        locks.ticked()
        #expect(context.mailboxes.allSatisfy { $0.takeAll().count == 1 })
    }

    @Test("what happens to them is published as events, once for each lock")
    func events() throws {
        let first = try #require(try acquire("a")?.get())
        let second = try #require(try acquire("a")?.get())
        locks.keeper.release(first)
        locks.keeper.release(second)
        let missed = context.events.history.withLock { $0.missed(since: "") }
        let events = missed.map { String(decoding: $0.bytes, as: UTF8.self) }
        #expect(events.count == 2)
        let fields = ["acquired", "released"].map { #""name":"a","event":"\#($0)","token":\#(first.token)}"# }
        #expect(zip(events, fields).allSatisfy { $0.contains("event: lock") && $0.contains($1) }, "\(events)")
    }

    @Test("the status names them")
    func status() throws {
        let first = LockStatus(name: Identifier(unchecked: "a"), token: 7, holds: 2, validUntil: 1_500)
        let second = LockStatus(name: Identifier(unchecked: "\"b\""), token: 8, holds: 1, validUntil: 900)
        var writer = JSONWriter()
        writer.beginObject()
        LockReport(held: [first, second], lostTotal: 3).write(to: &writer, at: 1_000)
        writer.endObject()
        let text = """
            {"locks":{"held":[{"name":"a","token":7,"holds":2,"expires_in_ms":500},\
            {"name":"\\"b\\"","token":8,"holds":1,"expires_in_ms":0}],"lost_total":3}}
            """
        #expect(String(decoding: writer.array, as: UTF8.self) == text)
    }

    @Test("at the node's end they are given back, and there are no more")
    func close() throws {
        let handle = try #require(try acquire("janitor")?.get())
        locks.close()
        #expect(!handle.check(at: Clock.bootMilliseconds()) && locks.keeper.isSettled)
        #expect(throws: LockError.closed) { try acquire("janitor")?.get() }
    }
}
