/// Host and port of a URL, `host[:port]` (RFC 3986 §3.2), without user information.
package struct URLAuthority: Equatable, Sendable, CustomStringConvertible {
    /// The part of a text that is wrong. No part of the text is shown.
    package enum Fault: Error, Equatable, Sendable {
        case host, port
    }

    /// Sentences about a URL whose host, or port, is none.
    package static let hostRule = "its host is neither a name, nor an IPv4 address, nor an IPv6 address in brackets"
    package static let portRule = "its port is no number from 1 to 65535"

    /// A name, or an address in digits, without brackets. An IPv6 address may have a zone.
    package let host: String
    /// 1 to 65535; nil when none is said.
    package let port: UInt16?

    package init(host: String, port: UInt16?) {
        self.host = host
        self.port = port
    }

    /// Reads `name`, `name:port`, `[v6]` or `[v6]:port`.
    package init(_ text: Substring) throws(Fault) {
        var host = text
        var digits: Substring?
        if text.first == "[" {
            guard let end = text.lastIndex(of: "]") else { throw .host }
            host = text[text.index(after: text.startIndex)..<end]
            let behind = text[text.index(after: end)...]
            guard behind.isEmpty || behind.first == ":" else { throw .host }
            digits = behind.isEmpty ? nil : behind.dropFirst()
            guard Self.isV6(host) else { throw .host }
        } else {
            if let colon = text.lastIndex(of: ":") {
                host = text[..<colon]
                digits = text[text.index(after: colon)...]
            }
            guard Self.isName(host) else { throw .host }
        }
        self.host = String(host)
        port = try digits.map { digits throws(Fault) in try Self.port(digits) }
    }

    /// As it stands in a URL.
    package var description: String {
        let place = host.contains(":") ? "[\(host)]" : host
        return port.map { "\(place):\($0)" } ?? place
    }

    /// ASCII digits alone (`UInt16` would take a sign).
    private static func port(_ digits: Substring) throws(Fault) -> UInt16 {
        let areDigits = digits.utf8.allSatisfy { $0 &- UInt8(ascii: "0") < 10 }
        guard areDigits, let port = UInt16(digits), port > 0 else { throw .port }
        return port
    }

    /// An address with colons, behind which a zone may stand: `fe80::1%eth0` (RFC 4007 §11).
    private static func isV6(_ text: Substring) -> Bool {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        return parts[0].contains(":") && IPAddress(parts[0].utf8) != nil && parts.dropFirst().allSatisfy(isName)
    }

    /// At most 253 bytes (RFC 1035 §2.3.4).
    private static func isName(_ text: Substring) -> Bool {
        (1...253).contains(text.utf8.count) && text.utf8.allSatisfy(isNameByte)
    }

    /// A–Z, a–z, digits, `-`, `.`, and `_`, which is in no host name by the book but in many by practice.
    package static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
