import Core
import Testing

@testable import Gateway

@Suite("Hosts of links")
struct LinkHostsTests {
    private func hosts(_ items: String...) throws -> LinkHosts { try #require(LinkHosts(items)) }

    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    @Test("A name allows itself, at its port if it has one; a domain allows the names below it alone")
    func names() throws {
        let list = try hosts("example.com", "a.example.org:8443", "*.example.net")
        #expect(list.allows("EXAMPLE.com.", port: 1))
        #expect(!list.allows("www.example.com", port: 1))
        #expect(list.allows("a.example.org", port: 8443) && !list.allows("a.example.org", port: 443))
        #expect(list.allows("a.b.example.net", port: 1) && !list.allows("example.net", port: 1))
        #expect(!list.allows("badexample.net", port: 1))
        #expect(!LinkHosts().allows("example.com", port: 443))
    }

    @Test(
        "An address that is not public is dialled only when it stands in the list itself",
        arguments: [
            "127.0.0.1", "10.0.0.7", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
            "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1",
            "::ffff:10.0.0.7", "64:ff9b::a00:7", "2002:a00:7::1", "2001::1",
        ])
    func special(text: String) throws {
        #expect(!(try hosts("example.com").allows(address(text), port: 443)))
        #expect(!(try hosts("*.example.com", "8.8.8.8").allows(address(text), port: 443)))
        #expect(try hosts(text).allows(address(text), port: 443))
    }

    @Test(
        "A public address is dialled for any allowed name",
        arguments: ["8.8.8.8", "172.32.0.1", "100.128.0.1", "192.0.1.1", "2606:4700::1111", "2001:4860::8888"])
    func ordinary(text: String) throws {
        #expect(try hosts("example.com").allows(address(text), port: 443))
    }

    @Test("localhost stands for loopback, at its port")
    func loopback() throws {
        #expect(try hosts("localhost:90").allows(address("127.0.0.9"), port: 90))
        #expect(!(try hosts("localhost:90").allows(address("127.0.0.9"), port: 91)))
        #expect(!(try hosts("localhost").allows(address("10.0.0.1"), port: 90)))
    }

    @Test("What is no host is refused", arguments: ["", "a b", "http://a", "a:0", "*.", "*.10.0.0.1", "a/b", "[::1"])
    func bad(text: String) { #expect(LinkHosts([text]) == nil) }
}
