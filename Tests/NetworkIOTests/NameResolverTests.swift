import CLibuv
import Testing

@testable import NetworkIO

@Suite("Looking names up")
struct NameResolverTests {
    private typealias Found = Result<[SocketAddress], NameResolver.Failure>

    @Test("a name's addresses come in a later turn, with the port")
    func name() throws {
        let driver = try LoopDriver()
        var found: [Found] = []
        let resolver = try NameResolver(host: "localhost", port: 4711, loop: driver.loop) { found.append($0) }
        #expect(found.isEmpty)
        driver.run(until: { !found.isEmpty })
        let addresses = try found[0].get()
        #expect(!addresses.isEmpty && addresses.allSatisfy { $0.isLoopback && $0.port == 4711 })
        #expect(Set(addresses.map(\.text)).count == addresses.count)
        withExtendedLifetime(resolver) { driver.settle() }
        #expect(found.count == 1)
    }

    @Test("addresses in digits, of both kinds", arguments: [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80")])
    func digits(host: String, text: String) throws {
        let driver = try LoopDriver()
        var found: [Found] = []
        let resolver = try NameResolver(host: host, port: 80, loop: driver.loop) { found.append($0) }
        driver.run(until: { !found.isEmpty })
        #expect(try found[0].get().map(\.text) == [text])
        // It is one that can be connected to.
        let listener = try ListeningSocket.bind(host: host, port: 0, count: 1)[0]
        defer { close(listener.descriptor) }
        let address = try #require(try found[0].get().first)
        let same = try SocketAddress(numericHost: address.hostText, port: listener.port)
        close(try same.connect(from: nil))
        withExtendedLifetime(resolver) {}
    }

    @Test("a name without an address is reported in the resolver's words; one that is too long at once")
    func failure() throws {
        let driver = try LoopDriver()
        var found: [Found] = []
        let resolver = try NameResolver(host: "no-such-host.invalid", port: 1, loop: driver.loop) { found.append($0) }
        driver.run(until: { !found.isEmpty })
        guard case .failure(let failure) = found[0] else { Issue.record("found"); return }
        #expect(!failure.description.isEmpty)
        withExtendedLifetime(resolver) {}
        #expect(throws: SystemError.self) {
            _ = try NameResolver(host: String(repeating: "h", count: 5000), port: 1, loop: driver.loop) { _ in }
        }
    }

    @Test("who has cancelled or let go gets no call")
    func cancelled() throws {
        let driver = try LoopDriver()
        var calls = 0
        var resolvers: [NameResolver] = []
        for _ in 0..<20 {
            resolvers.append(try NameResolver(host: "localhost", port: 1, loop: driver.loop) { _ in calls += 1 })
            _ = try NameResolver(host: "localhost", port: 1, loop: driver.loop) { _ in calls += 1 }
        }
        for resolver in resolvers {
            resolver.cancel()
            resolver.cancel()
        }
        var isLast = false
        let last = try NameResolver(host: "localhost", port: 1, loop: driver.loop) { _ in isLast = true }
        driver.run(until: { isLast })
        driver.settle()
        #expect(calls == 0)
        withExtendedLifetime(last) {}
    }

    @Test("a loop ends with look-ups under way, which call nobody")
    func endOfLoop() throws {
        var calls = 0
        do {
            let driver = try LoopDriver()
            try NameResolver(host: "localhost", port: 1, loop: driver.loop) { _ in calls += 1 }.cancel()
        }
        #expect(calls == 0)
    }
}
