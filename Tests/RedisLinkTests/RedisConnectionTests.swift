import ClusterState
import Core
import NetworkIO
import Testing

@testable import RedisLink

@Suite("A connection to Redis", .serialized)
struct RedisConnectionTests {
    private func connect(
        _ driver: LinkDriver, _ options: RedisOptions, _ record: ConnectionRecord
    ) throws -> RedisConnection {
        let address = try SocketAddress(numericHost: options.url.host, port: options.url.port)
        return try RedisConnection(to: address, options: options, loop: driver.loop, delegate: record)
    }

    /// A connection that is ready.
    private func ready(
        _ driver: LinkDriver, _ options: RedisOptions, _ record: ConnectionRecord
    ) throws -> RedisConnection {
        let connection = try connect(driver, options, record)
        driver.run(until: { record.readies == 1 || !record.losses.isEmpty })
        try #require(connection.isReady, "\(record.losses)")
        return connection
    }

    @Test("opens, knows the server, and carries commands in order; nothing is taken before or after")
    func commands() throws {
        let (server, driver) = (try RedisProcess(), try LinkDriver())
        let (record, outcomes) = (ConnectionRecord(), OutcomeRecord())
        let connection = try connect(driver, RedisOptions(port: server.port), record)
        connection.send(words("PING"), outcomes.completion)
        #expect(outcomes.results == [.failure(.unavailable)])
        driver.run(until: { record.readies == 1 })
        #expect(record.connects == 1 && connection.boot?.utf8.count == 40)
        #expect(connection.version?.hasPrefix("7.") == true || connection.version?.isEmpty == false)
        connection.send(words("SET", "key", "\u{0}\r\n$5"), outcomes.completion)
        connection.send(words("GET", "key"), outcomes.completion)
        connection.send(words("GET", "none"), outcomes.completion)
        connection.send(words("RPUSH", "list", "a", ""), outcomes.completion)
        connection.send(words("LRANGE", "list", "0", "-1"), outcomes.completion)
        connection.send(words("INCR", "list"), outcomes.completion)
        let script = "return {1, {redis.error_reply('MINE own'), false}, 'x'}"
        connection.send(words("EVAL", script, "0"), outcomes.completion)
        #expect(connection.outstanding == 7)
        driver.run(until: { outcomes.results.count == 8 })
        #expect(
            outcomes.results.dropFirst() == [
                .success(.status("OK")), .success(.bytes(Array("\u{0}\r\n$5".utf8))), .success(.null),
                .success(.integer(2)), .success(.array([.bytes([UInt8(ascii: "a")]), .bytes([])])),
                .success(
                    .error(code: "WRONGTYPE", message: "Operation against a key holding the wrong kind of value")),
                .success(
                    .array([
                        .integer(1), .array([.error(code: "MINE", message: "own"), .null]),
                        .bytes([UInt8(ascii: "x")]),
                    ])),
            ])
        #expect(connection.outstanding == 0 && connection.oldestOutstanding == nil)
        connection.drop()
        #expect(record.losses == [.stopped])
        connection.send(words("PING"), outcomes.completion)
        #expect(outcomes.results.last == .failure(.unavailable))
    }

    @Test(
        "AUTH with and without a user, and SELECT",
        arguments: [":s%20cret@", "s%20cret@", "default:s%20cret@", "ann:p%40ss@"])
    func authentication(credentials: String) throws {
        let server = try RedisProcess([
            "--requirepass", "s cret", "--user", "ann", "on", ">p@ss", "~*", "&*", "+@all", "--databases", "20",
        ])
        let driver = try LinkDriver()
        let (record, outcomes) = (ConnectionRecord(), OutcomeRecord())
        let options = try RedisOptions(port: server.port, credentials: credentials, database: 17)
        let connection = try ready(driver, options, record)
        connection.send(words("CLIENT", "INFO"), outcomes.completion)
        driver.run(until: { outcomes.results.count == 1 })
        guard case .success(.bytes(let bytes)) = outcomes.results[0] else {
            Issue.record("\(outcomes.results)")
            return
        }
        let info = String(decoding: bytes, as: UTF8.self)
        #expect(info.contains(" db=17 ") && info.contains(credentials.hasPrefix("ann") ? "user=ann" : "user=default"))
        connection.drop()
    }

    @Test("what Redis refuses is reported with its step and words")
    func refusals() throws {
        let server = try RedisProcess(["--requirepass", "right"])
        let driver = try LinkDriver()
        for (credentials, database, step, code) in [
            (":wrong@", 0, RedisStep.auth, "WRONGPASS"), ("bob:right@", 0, .auth, "WRONGPASS"),
            ("", 0, .ping, "NOAUTH"), ("right@", 16, .select, "ERR"),
        ] {
            let record = ConnectionRecord()
            let options = try RedisOptions(port: server.port, credentials: credentials, database: database)
            let connection = try connect(driver, options, record)
            driver.run(until: { !record.losses.isEmpty || record.readies > 0 })
            guard case .refused(step, let found, let message) = record.losses.first else {
                Issue.record("\(credentials): \(record.losses)")
                continue
            }
            #expect(found == code && !message.contains("right") && !message.contains("wrong"))
            #expect(record.losses.count == 1 && record.readies == 0 && !connection.isOpen)
        }
    }

    @Test("a refused connect is reported once, with the system's words")
    func refusedConnect() throws {
        let driver = try LinkDriver()
        let record = ConnectionRecord()
        let connection = try connect(driver, RedisOptions(port: RedisProcess.freePort()), record)
        driver.run(until: { !record.losses.isEmpty })
        #expect(record.losses == [.unreachable("connect: Connection refused")])
        #expect(record.connects == 0 && record.readies == 0 && !connection.isOpen)
    }

    /// Counts outcomes without a closure for each.
    private final class Counter: RedisReceiver {
        var tags: [Int] = []
        var mismatches = 0
        func commandEnded(_ outcome: RedisOutcome, tag: Int) {
            tags.append(tag)
            if case .reply(let reply) = outcome, reply.integer == tag + 1 { return }
            mismatches += 1
        }
    }

    @Test("ten thousand commands of one turn come back in order")
    func pipelining() throws {
        let (server, driver) = (try RedisProcess(), try LinkDriver())
        let (record, counter) = (ConnectionRecord(), Counter())
        let connection = try ready(driver, RedisOptions(port: server.port), record)
        for tag in 0..<10_000 { connection.send(words("INCR", "n"), .receiver(counter, tag: tag)) }
        driver.run(until: { counter.tags.count == 10_000 })
        #expect(counter.tags == Array(0..<10_000) && counter.mismatches == 0)
        connection.drop()
    }

    @Test("ten megabytes go and come")
    func largeValues() throws {
        let (server, driver) = (try RedisProcess(), try LinkDriver())
        let (record, outcomes) = (ConnectionRecord(), OutcomeRecord())
        let connection = try ready(driver, RedisOptions(port: server.port), record)
        let value = (0..<10_485_760).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
        connection.send(words("SET", "large") + [value], outcomes.completion)
        connection.send(words("GET", "large"), outcomes.completion)
        connection.send(words("STRLEN", "large"), outcomes.completion)
        driver.run(until: { outcomes.results.count == 3 })
        #expect(outcomes.results[0] == .success(.status("OK")))
        #expect(outcomes.results[1] == .success(.bytes(value)), "the value came back changed")
        #expect(outcomes.results[2] == .success(.integer(value.count)))
        connection.drop()
    }

    @Test("a server that stands still ends the connection after the timeout, and what was sent is uncertain")
    func timeout() throws {
        let (server, driver) = (try RedisProcess(), try LinkDriver())
        let (record, outcomes) = (ConnectionRecord(), OutcomeRecord())
        let connection = try ready(driver, RedisOptions(port: server.port, timeout: 600), record)
        server.freeze()
        defer { server.thaw() }
        let began = Clock.monotonicMilliseconds()
        connection.send(words("INCR", "n"), outcomes.completion)
        connection.send(words("INCR", "n"), outcomes.completion)
        var oldest = 0
        driver.ticked = { oldest = max(oldest, connection.oldestOutstanding ?? 0) }
        driver.run(until: { !record.losses.isEmpty })
        #expect(record.losses == [.timedOut(.command)])
        #expect(outcomes.results == [.failure(.uncertain), .failure(.uncertain)])
        #expect(Clock.monotonicMilliseconds() - began >= 600 && oldest >= 500)
    }

    @Test("a server that takes the connection and does not speak ends the opening after the timeout")
    func silentOpening() throws {
        let (server, driver) = (try RedisProcess(), try LinkDriver())
        server.freeze()
        defer { server.thaw() }
        let record = ConnectionRecord()
        _ = try connect(driver, RedisOptions(port: server.port, timeout: 300), record)
        driver.run(until: { !record.losses.isEmpty })
        // The kernel answers for the server that stands still.
        #expect(record.connects == 1 && record.losses == [.timedOut(.info)])
    }

    @Test("after kill -9 what was sent is uncertain, and the end is reported before")
    func killed() throws {
        let (server, driver) = (try RedisProcess(), try LinkDriver())
        let (record, outcomes) = (ConnectionRecord(), OutcomeRecord())
        let connection = try ready(driver, RedisOptions(port: server.port), record)
        connection.send(words("BLPOP", "none", "0"), outcomes.completion)
        var lossesBefore = -1
        connection.send(words("GET", "x"), .closure { _ in lossesBefore = record.losses.count })
        // Both are with the kernel when the loop has taken a turn.
        driver.run(until: { connection.queuedBytes == 0 })
        server.kill()
        driver.run(until: { !record.losses.isEmpty })
        #expect(outcomes.results == [.failure(.uncertain)] && lossesBefore == 1)
        guard case .closed = record.losses[0] else { Issue.record("\(record.losses)"); return }
    }

    @Test("what the kernel has not taken whole was not run")
    func unsent() throws {
        let (server, driver) = (try RedisProcess(), try LinkDriver())
        let (record, outcomes) = (ConnectionRecord(), OutcomeRecord())
        let connection = try ready(driver, RedisOptions(port: server.port), record)
        server.freeze()
        connection.send(words("SET", "first", "1"), outcomes.completion)
        // More than the buffers of both kernels hold.
        connection.send(words("SET", "large") + [[UInt8](repeating: 1, count: 24 << 20)], outcomes.completion)
        connection.send(words("SET", "last", "1"), outcomes.completion)
        driver.run(until: { connection.isBlocked })
        connection.drop(.timedOut(.command))
        #expect(outcomes.results == [.failure(.uncertain), .failure(.unavailable), .failure(.unavailable)])
        server.thaw()
        let second = ConnectionRecord()
        let other = try ready(driver, RedisOptions(port: server.port), second)
        other.send(words("EXISTS", "large", "last"), outcomes.completion)
        driver.run(until: { outcomes.results.count == 4 })
        #expect(outcomes.results[3] == .success(.integer(0)))
        other.drop()
    }

    @Test("at the bounds commands are refused at once, and the connection lives")
    func bounds() throws {
        let (server, driver) = (try RedisProcess(), try LinkDriver())
        let (record, outcomes) = (ConnectionRecord(), OutcomeRecord())
        var limits = RedisLimits()
        limits.outstandingMax = 3
        limits.queuedBytesMax = 1000
        let connection = try ready(driver, RedisOptions(port: server.port, limits: limits), record)
        for _ in 0..<4 { connection.send(words("INCR", "n"), outcomes.completion) }
        #expect(outcomes.results == [.failure(.unavailable)] && connection.outstanding == 3)
        driver.run(until: { outcomes.results.count == 4 })
        // A large one goes when nothing waits; behind it there is no room.
        connection.send(words("SET", "k", String(repeating: "v", count: 5000)), outcomes.completion)
        connection.send(words("GET", "n"), outcomes.completion)
        #expect(outcomes.results.last == .failure(.unavailable))
        driver.run(until: { outcomes.results.count == 6 })
        connection.send(words("GET", "n"), outcomes.completion)
        driver.run(until: { outcomes.results.count == 7 })
        #expect(outcomes.results.last == .success(.bytes([UInt8(ascii: "3")])) && record.losses.isEmpty)
        connection.drop()
    }

    @Test("a reply that is too large becomes an error, and the connection lives; a single value ends it")
    func largeReply() throws {
        let (server, driver) = (try RedisProcess(), try LinkDriver())
        let (record, outcomes) = (ConnectionRecord(), OutcomeRecord())
        var limits = RedisLimits()
        limits.replyBytesMax = 100_000
        let connection = try ready(driver, RedisOptions(port: server.port, limits: limits), record)
        connection.send(words("SETRANGE", "k", "89999", "x"), outcomes.completion)
        connection.send(words("GET", "k"), outcomes.completion)
        connection.send(words("MGET", "k", "k"), outcomes.completion)
        connection.send(words("ECHO", "x"), outcomes.completion)
        driver.run(until: { outcomes.results.count == 4 })
        guard case .success(.error(code: StoreFault.tooLargeCode, _)) = outcomes.results[2] else {
            Issue.record("\(outcomes.results[2])")
            return
        }
        #expect(outcomes.results[3] == .success(.bytes(Array("x".utf8))) && record.losses.isEmpty)
        connection.send(words("SETRANGE", "k", "999999", "x"), outcomes.completion)
        connection.send(words("GET", "k"), outcomes.completion)
        driver.run(until: { !record.losses.isEmpty })
        #expect(record.losses == [.violation("a value of more than 100000 bytes")])
        #expect(outcomes.results.last == .failure(.uncertain))
    }

    @Test("silence of a second makes a PING; who is busy needs none")
    func signOfLife() throws {
        let (server, driver) = (try RedisProcess(), try LinkDriver())
        let (record, outcomes) = (ConnectionRecord(), OutcomeRecord())
        let connection = try ready(driver, RedisOptions(port: server.port), record)
        connection.ticked()
        #expect(connection.outstanding == 0)
        var asked = 0
        driver.ticked = {
            connection.ticked()
            asked += connection.outstanding
        }
        driver.run(until: { asked == 1 && connection.outstanding == 0 })
        connection.send(words("INFO", "commandstats"), outcomes.completion)
        driver.run(until: { outcomes.results.count == 1 })
        guard case .success(.bytes(let bytes)) = outcomes.results[0] else { Issue.record("no stats"); return }
        #expect(String(decoding: bytes, as: UTF8.self).contains("cmdstat_ping:calls=2,"))
        connection.drop()
    }

    @Test("a reply that nobody asked for ends the connection")
    func surplus() throws {
        let (server, driver) = (try RedisProcess(), try LinkDriver())
        let record = ConnectionRecord()
        let connection = try ready(driver, RedisOptions(port: server.port), record)
        // Two replies to one command, as a subscription to two channels gives.
        connection.send(words("SUBSCRIBE", "a", "b"), .closure { _ in })
        driver.run(until: { !record.losses.isEmpty })
        #expect(record.losses == [.violation("a reply to no command")])
    }
}
