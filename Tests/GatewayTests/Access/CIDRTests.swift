import Core
import Gateway
import TestSupport
import Testing

@Suite("CIDR")
struct CIDRTests {
    @Test(
        "The edges of a block",
        arguments: [
            ("10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"),
            ("192.0.2.77/32", "192.0.2.77", "192.0.2.77", "192.0.2.76", "192.0.2.78"),
            ("192.0.2.77", "192.0.2.77", "192.0.2.77", "192.0.2.76", "192.0.2.78"),
            ("192.0.2.129/25", "192.0.2.128", "192.0.2.255", "192.0.2.127", "192.0.3.0"),
            ("2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db7:ffff::", "2001:db9::"),
            ("2001:db8::/64", "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff", "2001:db7::", "2001:db8:0:1::"),
            ("2001:db8::8/127", "2001:db8::8", "2001:db8::9", "2001:db8::7", "2001:db8::a"),
            ("::1/128", "::1", "::1", "::", "::2"),
            ("::ffff:10.0.0.0/104", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"),
        ])
    func edges(text: String, first: String, last: String, before: String, after: String) throws {
        let block = try #require(CIDR(text))
        for (text, isInside) in [(first, true), (last, true), (before, false), (after, false)] {
            let address = try #require(IPAddress(text))
            #expect(block.contains(address) == isInside, "\(text)")
        }
        #expect(CIDR(block.description) == block)
    }

    @Test("Everything of one family is nothing of the other")
    func wholeFamilies() throws {
        let v4 = try #require(CIDR("0.0.0.0/0"))
        let v6 = try #require(CIDR("::/0"))
        for text in ["0.0.0.0", "127.0.0.1", "255.255.255.255"] {
            let address = try #require(IPAddress(text))
            #expect(v4.contains(address) && !v6.contains(address))
        }
        for text in ["::", "::1", "ffff:ffff::1", "::fffe:ffff:ffff"] {
            let address = try #require(IPAddress(text))
            #expect(v6.contains(address) && !v4.contains(address))
        }
    }

    @Test(
        "Texts that are no block",
        arguments: [
            "", "/", "10.0.0.0/", "/8", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8",
            "10.0.0/8",
            "10.0.0.0/0008", "10.0.0.0/ 8", "10.0.0.0 /8", "::1/٣", "[::1]/128", "localhost",
        ])
    func invalid(text: String) {
        #expect(CIDR(text) == nil)
    }

    @Test("A random block holds an address if, and only if, the leading bits agree", arguments: [UInt64(81)])
    func random(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        for _ in 0..<3000 {
            let bits = Int.random(in: 0...128, using: &random)
            // An address of the block with one bit of 128 turned; neither is IPv4-mapped, as the first bit is set.
            let high = UInt64.random(in: 0...UInt64.max, using: &random) | 1 << 63
            let low = UInt64.random(in: 0...UInt64.max, using: &random)
            let block = try #require(CIDR("\(IPAddress(high: high, low: low))/\(bits)"))
            let turned = Int.random(in: 1...127, using: &random)
            let other = IPAddress(
                high: turned < 64 ? high ^ 1 << (63 - turned) : high, low: turned < 64 ? low : low ^ 1 << (127 - turned)
            )
            #expect(block.contains(IPAddress(high: high, low: low)), "seed \(seed)")
            #expect(block.contains(other) == (turned >= bits), "seed \(seed): \(block) \(other)")
        }
    }
}
