import Core
import NetworkIO
import Testing

@testable import RedisLink

@Suite("The way to Redis: the addresses of a name")
struct ReconnectorTests {
    private final class Record: ReconnectorDelegate {
        var readies = 0
        var losses: [RedisLoss] = []
        func ready(_ reconnector: Reconnector, _ connection: RedisConnection) { readies += 1 }
        func lost(_ reconnector: Reconnector, _ loss: RedisLoss) { losses.append(loss) }
    }

    /// Takes connections and ends them.
    private final class ShutDoor: AcceptorDelegate {
        private final class Guest: Socket {}
        let loop: EventLoop
        init(_ loop: EventLoop) { self.loop = loop }
        func accepted(_ descriptor: Int32, from address: PeerAddress) {
            (try? Guest(descriptor: descriptor, loop: loop))?.close()
        }
        func refusedForLackOfDescriptors() {}
    }

    private final class Trial {
        let driver: LinkDriver
        let record = Record()
        let reconnector: Reconnector
        private(set) var tried: [String] = []

        init(_ server: RedisProcess, credentials: String = "", timeout: Int = 30_000) throws {
            let driver = try LinkDriver()
            self.driver = driver
            let url = try RedisURL("redis://\(credentials)localhost:\(server.port)")
            let options = RedisOptions(url: url, timeoutMilliseconds: timeout)
            var note: (String) -> Void = { _ in }
            reconnector = Reconnector(options: options, loop: driver.loop, seed: 1) {
                (address, delegate) throws(SystemError) in
                note(address.text)
                return try RedisConnection(to: address, options: options, loop: driver.loop, delegate: delegate)
            }
            reconnector.delegate = record
            note = { [unowned self] in tried.append($0) }
        }

        /// Starts with these addresses in the place of what the look-up finds.
        func start(_ addresses: [(host: String, port: UInt16)]) throws {
            reconnector.start()
            reconnector.resolved(.success(try addresses.map { try SocketAddress(numericHost: $0.host, port: $0.port) }))
            driver.run(until: { self.record.readies + self.record.losses.count > 0 })
        }
    }

    @Test("one that the system refuses, one where nobody listens, one that hangs up: the next is tried, in order")
    func inOrder() throws {
        let server = try RedisProcess()
        let trial = try Trial(server)
        let listener = try ListeningSocket.bind(host: "127.0.0.1", port: 0, count: 1)[0]
        let door = ShutDoor(trial.driver.loop)
        let acceptor = try Acceptor(listener, loop: trial.driver.loop, refusal: [], delegate: door)
        let free = RedisProcess.freePort()
        try trial.start([
            ("255.255.255.255", 1), ("127.0.0.1", free), ("127.0.0.1", listener.port), ("127.0.0.1", server.port),
            ("127.0.0.1", free),
        ])
        #expect(
            trial.record.readies == 1 && trial.record.losses.isEmpty && trial.reconnector.connection?.isReady == true)
        #expect(
            trial.tried == [
                "255.255.255.255:1", "127.0.0.1:\(free)", "127.0.0.1:\(listener.port)", "127.0.0.1:\(server.port)",
            ])
        acceptor.close()
        trial.reconnector.stop()
        trial.driver.run(until: { true })
    }

    @Test("what takes the connection and is silent is a Redis that stands still: no other address is asked")
    func silent() throws {
        let (frozen, server) = (try RedisProcess(), try RedisProcess())
        let trial = try Trial(server, timeout: 300)
        frozen.freeze()
        defer { frozen.thaw() }
        try trial.start([("127.0.0.1", frozen.port), ("127.0.0.1", server.port)])
        #expect(trial.record.losses == [.timedOut(.info)] && trial.tried.count == 1)
        trial.reconnector.stop()
    }

    @Test("a Redis that refuses us has spoken for all addresses; the last refusal is reported when none serves")
    func refused() throws {
        let server = try RedisProcess(["--requirepass", "right"])
        let first = try Trial(server, credentials: ":wrong@")
        try first.start([("127.0.0.1", server.port), ("127.0.0.1", server.port)])
        guard case .refused(.auth, "WRONGPASS", _) = first.record.losses[0] else {
            Issue.record("\(first.record.losses)")
            return
        }
        #expect(first.tried.count == 1 && first.record.losses.count == 1)
        first.reconnector.stop()
        let second = try Trial(server)
        try second.start([("127.0.0.1", RedisProcess.freePort()), ("127.0.0.1", RedisProcess.freePort())])
        #expect(second.tried.count == 2)
        #expect(second.record.losses == [.unreachable("connect: Connection refused")])
        second.reconnector.stop()
    }
}
