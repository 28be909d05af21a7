import CLibuv
import Core
import Testing

@testable import NetworkIO

@Suite("Listening and accepting")
struct ListeningTests {
    private func close(_ sockets: [ListeningSocket]) {
        for socket in sockets { CLibuv.close(socket.descriptor) }
    }

    private func bind(_ host: String, _ port: UInt16, count: Int) -> Result<[ListeningSocket], SystemError> {
        do throws(SystemError) { return .success(try ListeningSocket.bind(host: host, port: port, count: count)) } catch
        {
            return .failure(error)
        }
    }

    @Test("several sockets share a port that the system chose", arguments: ["127.0.0.1", "::1", "0.0.0.0", "::"])
    func shared(host: String) throws {
        let sockets = try ListeningSocket.bind(host: host, port: 0, count: 3)
        defer { close(sockets) }
        #expect(sockets.count == 3 && Set(sockets.map(\.descriptor)).count == 3)
        #expect(sockets[0].port > 0 && sockets.allSatisfy { $0.port == sockets[0].port })
    }

    @Test("what is written to an accepted connection does not wait for the peer's acknowledgements")
    func noDelay() throws {
        let sockets = try ListeningSocket.bind(host: "127.0.0.1", port: 0, count: 1)
        defer { close(sockets) }
        let client = try SocketAddress(numericHost: "127.0.0.1", port: sockets[0].port).connect(from: nil)
        defer { CLibuv.close(client) }
        var accepted: Int32 = -1
        while accepted < 0 { accepted = accept(sockets[0].descriptor, nil, nil) }
        defer { CLibuv.close(accepted) }
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        #expect(getsockopt(accepted, Int32(IPPROTO_TCP), TCP_NODELAY, &value, &size) == 0 && value == 1)
    }

    @Test("a taken port is refused, shared or not", arguments: [1, 2], [1, 2])
    func taken(first: Int, second: Int) throws {
        let sockets = try ListeningSocket.bind(host: "127.0.0.1", port: 0, count: first)
        defer { close(sockets) }
        guard case .failure(let error) = bind("127.0.0.1", sockets[0].port, count: second) else {
            Issue.record("bound twice")
            return
        }
        #expect(error.isAddressInUse)
        #expect("\(error)".contains("in use"))
        // By all addresses at once, too.
        guard case .failure(let wider) = bind("0.0.0.0", sockets[0].port, count: second) else {
            Issue.record("bound twice")
            return
        }
        #expect(wider.isAddressInUse)
    }

    @Test("a port that was let go can be taken again")
    func again() throws {
        let sockets = try ListeningSocket.bind(host: "127.0.0.1", port: 0, count: 2)
        close(sockets)
        guard case .success(let next) = bind("127.0.0.1", sockets[0].port, count: 2) else {
            Issue.record("not free")
            return
        }
        close(next)
    }

    @Test(
        "what is no address is an error that is not \"in use\"",
        arguments: ["", "localhost", "127.0.0", "1.2.3.4.5", "256.0.0.1", "::g", "[::1]"])
    func noAddress(host: String) {
        guard case .failure(let error) = bind(host, 0, count: 1) else {
            Issue.record("bound")
            return
        }
        #expect(!error.isAddressInUse)
    }

    // MARK: Accepting

    private final class Hall: AcceptorDelegate {
        var guests: [(descriptor: Int32, address: PeerAddress)] = []
        var refused = 0
        func accepted(_ descriptor: Int32, from address: PeerAddress) { guests.append((descriptor, address)) }
        func refusedForLackOfDescriptors() { refused += 1 }
        deinit { for guest in guests { CLibuv.close(guest.descriptor) } }
    }

    @Test("more connections than one turn takes, each with its address", arguments: [false, true])
    func accepting(isIPv6: Bool) throws {
        let driver = try LoopDriver()
        let hall = Hall()
        let listener = try ListeningSocket.bind(host: isIPv6 ? "::1" : "127.0.0.1", port: 0, count: 1)[0]
        let acceptor = try Acceptor(listener, loop: driver.loop, refusal: [], delegate: hall)
        var descriptors: [Int32] = []
        defer { for descriptor in descriptors { CLibuv.close(descriptor) } }
        for _ in 0..<200 { descriptors.append(try Loopback.connect(port: listener.port, isIPv6: isIPv6)) }
        driver.run(until: { hall.guests.count >= 200 })
        #expect(hall.guests.count == 200 && hall.refused == 0)
        let loopback = IPAddress(isIPv6 ? "::1" : "127.0.0.1")
        #expect(hall.guests.allSatisfy { $0.address.host == loopback })
        #expect(Set(hall.guests.map(\.address.port)).count == 200, "each from a port of its own")
        acceptor.close()
        acceptor.close()
        #expect(throws: Loopback.Failure.self) { try Loopback.connect(port: listener.port, isIPv6: isIPv6) }
        driver.settle()
    }
}
