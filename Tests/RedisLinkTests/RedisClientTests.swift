import ClusterState
import Core
import NetworkIO
import Testing

@testable import RedisLink

@Suite("A client of Redis", .serialized)
struct RedisClientTests {
    /// Keeps what a client reports, in order.
    private final class Record: RedisClientDelegate {
        var runs: [String?] = []
        var losses: [RedisLoss] = []
        var oldestMax = 0
        var subscriberConnects = 0
        var subscriberLosses: [RedisLoss] = []
        var refusals: [String] = []

        func redisConnected(boot: String?) { runs.append(boot) }
        func redisLost(_ loss: RedisLoss) { losses.append(loss) }
        func redisTicked(oldestOutstanding: Int?) { oldestMax = max(oldestMax, oldestOutstanding ?? 0) }
        func redisSubscriberConnected() { subscriberConnects += 1 }
        func redisSubscriberLost(_ loss: RedisLoss) { subscriberLosses.append(loss) }
        func redisSubscriptionRefused(_ channel: RedisChannel, code: String, message: String) {
            refusals.append(String(decoding: channel.name, as: UTF8.self) + " " + code)
        }
    }

    /// Keeps what comes on channels.
    private final class Listener: RedisChannelReceiver {
        var payloads: [String] = []
        var events: [String] = []
        func published(_ payload: UnsafeRawBufferPointer, on channel: RedisChannel) {
            payloads.append(String(decoding: payload, as: UTF8.self))
        }
        func subscriptionLive(_ channel: RedisChannel) { note("live", channel) }
        func subscriptionInterrupted(_ channel: RedisChannel) { note("interrupted", channel) }
        private func note(_ event: String, _ channel: RedisChannel) {
            events.append(event + " " + String(decoding: channel.name, as: UTF8.self))
        }
    }

    private func start(_ driver: LinkDriver, _ options: RedisOptions, _ record: Record) -> RedisClient {
        let client = RedisClient(options, loop: driver.loop, seed: .random(in: .min ... .max))
        client.delegate = record
        driver.ticked = { client.ticked() }
        client.start()
        return client
    }

    private func subscribe(_ client: RedisClient, _ name: String, _ listener: Listener) {
        Array(name.utf8).withUnsafeBytes { client.subscriptions.subscribe($0, listener) }
    }

    private func unsubscribe(_ client: RedisClient, _ name: String, _ listener: Listener) {
        Array(name.utf8).withUnsafeBytes { client.subscriptions.unsubscribe($0, listener) }
    }

    /// The integers that commands answered.
    private func ask(_ driver: LinkDriver, _ client: RedisClient, _ commands: [[UInt8]]...) -> [StoreResult] {
        let outcomes = OutcomeRecord()
        for command in commands { client.send(command, outcomes.completion) }
        driver.run(until: { outcomes.results.count == commands.count })
        return outcomes.results
    }

    @Test("connects by name and by address, carries commands, and stops")
    func life() throws {
        let (server, driver) = (try RedisProcess(), try LinkDriver())
        let record = Record()
        let url = try RedisURL("redis://localhost:\(server.port)")
        let client = start(driver, RedisOptions(url: url, timeoutMilliseconds: 30_000), record)
        #expect(!client.isReady)
        driver.run(until: { client.isReady && record.subscriberConnects == 1 })
        #expect(record.runs.count == 1 && record.runs[0]?.utf8.count == 40)
        #expect(ask(driver, client, words("ECHO", "x")) == [.success(.bytes([UInt8(ascii: "x")]))])
        let outcomes = OutcomeRecord()
        client.send(words("BLPOP", "none", "0"), outcomes.completion)
        client.stop()
        client.send(words("PING"), outcomes.completion)
        // It never left: there was no turn in between.
        #expect(outcomes.results == [.failure(.unavailable), .failure(.unavailable)] && !client.isReady)
        #expect(record.losses.isEmpty && record.subscriberLosses.isEmpty)
    }

    @Test("a name without an address is reported, and tried again")
    func unresolved() throws {
        let driver = try LinkDriver()
        let record = Record()
        let url = try RedisURL("redis://no-such-host.invalid")
        let client = start(driver, RedisOptions(url: url, timeoutMilliseconds: 30_000), record)
        driver.run(until: { record.losses.count >= 2 })
        for loss in record.losses {
            guard case .unresolved(let text) = loss else { Issue.record("\(loss)"); return }
            #expect(text.contains("no-such-host.invalid"))
        }
        client.stop()
    }

    @Test("kill -9: commands under way are uncertain, later ones unavailable; both connections come back by themselves")
    func reconnect() throws {
        let (server, driver) = (try RedisProcess(), try LinkDriver())
        let (record, listener, outcomes) = (Record(), Listener(), OutcomeRecord())
        let client = start(driver, try RedisOptions(port: server.port), record)
        subscribe(client, "a", listener)
        subscribe(client, "b", listener)
        driver.run(until: { client.isReady && listener.events.count == 2 })
        client.send(words("BLPOP", "none", "0"), outcomes.completion)
        // A turn, with which it leaves.
        driver.run(until: { true })
        server.kill()
        driver.run(until: { !record.losses.isEmpty && listener.events.count == 4 })
        #expect(outcomes.results == [.failure(.uncertain)] && !client.isReady)
        #expect(Set(listener.events[2...]) == ["interrupted a", "interrupted b"])
        client.send(words("GET", "x"), outcomes.completion)
        #expect(outcomes.results.last == .failure(.unavailable))
        // Nobody listens: attempts fail, and are reported.
        driver.run(until: { record.losses.count >= 3 && record.subscriberLosses.count >= 3 })
        #expect(record.losses.dropFirst().allSatisfy { $0 == .unreachable("connect: Connection refused") })
        subscribe(client, "c", listener)
        unsubscribe(client, "b", listener)
        try server.start()
        driver.run(until: { client.isReady && listener.events.count == 6 })
        #expect(Set(listener.events[4...]) == ["live a", "live c"])
        #expect(record.runs.count == 2 && record.runs[0] != record.runs[1])
        #expect(
            ask(driver, client, words("PUBLISH", "a", "1"), words("PUBLISH", "b", "2"), words("PUBLISH", "c", "3"))
                == [.success(.integer(1)), .success(.integer(0)), .success(.integer(1))])
        driver.run(until: { listener.payloads.count == 2 })
        #expect(listener.payloads == ["1", "3"])
        client.stop()
    }

    @Test("a server that stands still shows in the age of the oldest reply, then ends both connections")
    func frozen() throws {
        let (server, driver) = (try RedisProcess(), try LinkDriver())
        let record = Record()
        let client = start(driver, try RedisOptions(port: server.port, timeout: 1000), record)
        driver.run(until: { client.isReady && record.subscriberConnects == 1 })
        server.freeze()
        // Nothing but the signs of life is outstanding.
        driver.run(until: { !record.losses.isEmpty && !record.subscriberLosses.isEmpty })
        #expect(record.losses[0] == .timedOut(.ping) && record.subscriberLosses[0] == .timedOut(.ping))
        #expect(record.oldestMax >= 750)
        server.thaw()
        driver.run(until: { client.isReady && record.subscriberConnects == 2 })
        #expect(record.runs.count == 2 && record.runs[0] == record.runs[1])
        client.stop()
    }

    @Test("a probe comes before the wait is over")
    func probe() throws {
        let driver = try LinkDriver()
        let record = Record()
        let client = start(driver, try RedisOptions(port: RedisProcess.freePort()), record)
        // Without ticks nothing is tried again.
        driver.ticked = {}
        driver.run(until: { record.losses.count == 1 && record.subscriberLosses.count == 1 })
        client.probe()
        driver.run(until: { record.losses.count == 2 && record.subscriberLosses.count == 2 })
        client.stop()
    }

    @Test("one SUBSCRIBE for all receivers of a channel, and UNSUBSCRIBE behind the last")
    func counted() throws {
        let (server, driver) = (try RedisProcess(), try LinkDriver())
        let (record, first, second) = (Record(), Listener(), Listener())
        let client = start(driver, try RedisOptions(port: server.port), record)
        driver.run(until: { client.isReady && record.subscriberConnects == 1 })
        subscribe(client, "room", first)
        driver.run(until: { first.events == ["live room"] })
        subscribe(client, "room", second)
        #expect(second.events == ["live room"])
        #expect(ask(driver, client, words("PUBLISH", "room", "1")) == [.success(.integer(1))])
        driver.run(until: { first.payloads == ["1"] && second.payloads == ["1"] })
        unsubscribe(client, "room", first)
        unsubscribe(client, "room", first)
        #expect(ask(driver, client, words("PUBLISH", "room", "2")) == [.success(.integer(1))])
        driver.run(until: { second.payloads == ["1", "2"] })
        #expect(first.payloads == ["1"])
        unsubscribe(client, "room", second)
        driver.run(until: { client.subscriptions.count == 0 })
        #expect(ask(driver, client, words("PUBLISH", "room", "3")) == [.success(.integer(0))])
        let stats = ask(driver, client, words("INFO", "commandstats"))
        guard case .success(.bytes(let bytes)) = stats[0] else { Issue.record("\(stats)"); return }
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(text.contains("cmdstat_subscribe:calls=1,") && text.contains("cmdstat_unsubscribe:calls=1,"))
        client.stop()
    }

    @Test("changes of mind while requests are under way end where they should")
    func changesOfMind() throws {
        let (server, driver) = (try RedisProcess(), try LinkDriver())
        let (record, listener) = (Record(), Listener())
        let client = start(driver, try RedisOptions(port: server.port), record)
        driver.run(until: { client.isReady && record.subscriberConnects == 1 })
        for _ in 0..<50 {
            subscribe(client, "off", listener)
            unsubscribe(client, "off", listener)
            subscribe(client, "on", listener)
            unsubscribe(client, "on", listener)
        }
        subscribe(client, "on", listener)
        driver.run(until: { listener.events.last == "live on" && client.subscriptions.count == 1 })
        #expect(listener.events == ["live on"])
        #expect(
            ask(driver, client, words("PUBLISH", "on", "x"), words("PUBLISH", "off", "y"))
                == [.success(.integer(1)), .success(.integer(0))])
        client.stop()
    }

    @Test("more channels than requests may be under way at a time")
    func manyChannels() throws {
        let (server, driver) = (try RedisProcess(), try LinkDriver())
        let (record, listener) = (Record(), Listener())
        let client = start(driver, try RedisOptions(port: server.port), record)
        for number in 0..<10_000 { subscribe(client, "channel-\(number)", listener) }
        driver.run(until: { listener.events.count == 10_000 })
        #expect(ask(driver, client, words("PUBSUB", "NUMPAT")) == [.success(.integer(0))])
        #expect(ask(driver, client, words("PUBLISH", "channel-9999", "x")) == [.success(.integer(1))])
        for number in 0..<10_000 { unsubscribe(client, "channel-\(number)", listener) }
        driver.run(until: { client.subscriptions.count == 0 })
        #expect(ask(driver, client, words("PUBSUB", "CHANNELS")) == [.success(.array([]))])
        client.stop()
    }

    @Test("channels wait for room on a connection that takes little")
    func littleRoom() throws {
        let (server, driver) = (try RedisProcess(), try LinkDriver())
        let (record, listener) = (Record(), Listener())
        var limits = RedisLimits()
        limits.outstandingMax = 2
        let client = start(driver, try RedisOptions(port: server.port, limits: limits), record)
        driver.run(until: { record.subscriberConnects == 1 })
        client.probe()
        for number in 0..<50 { subscribe(client, "channel-\(number)", listener) }
        driver.run(until: { listener.events.count == 50 })
        #expect(Set(listener.events) == Set((0..<50).map { "live channel-\($0)" }))
        client.stop()
    }

    @Test("a channel that Redis does not let us have is reported; the others live")
    func forbiddenChannel() throws {
        let server = try RedisProcess(["--user", "ann", "on", ">pw", "~*", "resetchannels", "&ok*", "+@all"])
        let driver = try LinkDriver()
        let (record, listener) = (Record(), Listener())
        let client = start(driver, try RedisOptions(port: server.port, credentials: "ann:pw@"), record)
        subscribe(client, "ok", listener)
        subscribe(client, "secret", listener)
        driver.run(until: { !listener.events.isEmpty && !record.refusals.isEmpty })
        #expect(record.refusals == ["secret NOPERM"] && listener.events == ["live ok"])
        unsubscribe(client, "secret", listener)
        driver.run(until: { client.subscriptions.count == 1 })
        client.stop()
    }
}
