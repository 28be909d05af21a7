import Core
import Glibc
import TestSupport
import Testing

@Suite("IP address")
struct IPAddressTests {
    /// The C library's reading of the text, as 16 bytes (IPv4 mapped): the second opinion.
    private func reference(_ text: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET6, text, &bytes) == 1 {
            return bytes
        }
        var v4 = [UInt8](repeating: 0, count: 4)
        return inet_pton(AF_INET, text, &v4) == 1 ? [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF] + v4 : nil
    }

    private func address(_ bytes: [UInt8]) -> IPAddress? {
        bytes.withUnsafeBytes { IPAddress(networkBytes: $0) }
    }

    @Test(
        "Texts and how they are written again",
        arguments: [
            ("0.0.0.0", "0.0.0.0"), ("127.0.0.1", "127.0.0.1"), ("255.255.255.255", "255.255.255.255"),
            ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8::1", "2001:db8::1"),
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"), ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
            ("::ffff:192.0.2.1", "192.0.2.1"), ("::ffff:c000:201", "192.0.2.1"), ("0:0:0:0:0:FFFF:1.2.3.4", "1.2.3.4"),
            ("64:ff9b::1.2.3.4", "64:ff9b::102:304"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
            ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"), ("fe80::", "fe80::"), ("::1.2.3.4", "::102:304"),
        ])
    func valid(text: String, canonical: String) throws {
        let parsed = try #require(IPAddress(text))
        #expect(parsed.description == canonical)
        #expect(IPAddress(canonical) == parsed)
        #expect(reference(text).flatMap(address) == parsed)
    }

    @Test(
        "Texts that are no address",
        arguments: [
            "", " ", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-4", "1.2.3.4 ", " 1.2.3.4", "01.2.3.4", "1.2.3.04",
            "1.2.3.", ".1.2.3", "1..2.3", "0x7f.0.0.1", "2130706433", "1.2.3.4:80", "1.2.3.4/8", "١.2.3.4",
            "1.2.3.4444",
            ":", ":::", "1:", ":1", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::",
            "::1:2:3:4:5:6:7:8",
            "12345::", "g::", "[::1]", "::1%lo", "::1/128", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4:5", "1.2.3.4::",
            "::1.2.3",
            "::ffff:1.2.3.256", "::ffff:01.2.3.4", ":1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:", "localhost", "::\u{0}1",
            "1:2:3:4:5:6:7:8 ", "1111:2222:3333:4444:5555:6666:255.255.255.2555",
        ])
    func invalid(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(
        "Random addresses of many zeros: the text is read back, and as the C library does", arguments: [UInt64(61), 62])
    func randomRoundTrip(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        for _ in 0..<5000 {
            var bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
            for group in 0..<8 where Int.random(in: 0..<3, using: &random) > 0 {
                bytes[2 * group] = 0
                bytes[2 * group + 1] = Bool.random(using: &random) ? 0 : bytes[2 * group + 1]
            }
            let parsed = try #require(address(bytes))
            let text = parsed.description
            #expect(IPAddress(text) == parsed, "seed \(seed): \(text)")
            #expect(reference(text) == bytes, "seed \(seed): \(text)")
            // The C library writes mapped and compatible addresses in a mixed form; else it keeps to RFC 5952 as well.
            guard !bytes[..<10].allSatisfy({ $0 == 0 }) else { continue }
            var buffer = [CChar](repeating: 0, count: 64)
            #expect(inet_ntop(AF_INET6, bytes, &buffer, 64) != nil)
            #expect(
                text == String(decoding: buffer.prefix { $0 != 0 }.map { UInt8($0) }, as: UTF8.self), "seed \(seed)")
        }
    }

    @Test("Random rubbish is judged as by the C library, and never traps", arguments: [UInt64(71), 72])
    func rubbish(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let alphabet = Array("0012f:::...9a")
        var accepted = 0
        for _ in 0..<40_000 {
            let count = Int.random(in: 0...20, using: &random)
            let text = String((0..<count).map { _ in alphabet.randomElement(using: &random) ?? ":" })
            let expected = reference(text).flatMap(address)
            accepted += expected == nil ? 0 : 1
            #expect(IPAddress(text) == expected, "seed \(seed): \(text)")
        }
        // The comparison meets both cases.
        #expect(accepted > 100, "seed \(seed)")
    }

    @Test("Bytes of 4 and 16 are addresses, other lengths are not")
    func fromBytes() {
        #expect(address([192, 0, 2, 1]) == IPAddress("192.0.2.1"))
        #expect(address([UInt8](repeating: 0, count: 15) + [1]) == IPAddress("::1"))
        #expect(address([0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [9]) == IPAddress("2001:db8::9"))
        for count in [0, 3, 5, 15, 17] { #expect(address([UInt8](repeating: 1, count: count)) == nil) }
    }

    @Test("Loopback is 127.0.0.0/8 and ::1, mapped or not, and nothing beside it")
    func loopback() {
        for text in ["127.0.0.0", "127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"] {
            #expect(IPAddress(text)?.isLoopback == true, "\(text)")
        }
        for text in ["126.255.255.255", "128.0.0.0", "0.0.0.0", "::", "::2", "::7f00:1", "1::1", "::fffe:127.0.0.1"] {
            #expect(IPAddress(text)?.isLoopback == false, "\(text)")
        }
        #expect(!IPAddress.unspecified.isLoopback)
    }
}
