import NetworkIO
import WireProtocol

/// Where pushes go, and what they are signed with: PUSH_WEBHOOK_URL and PUSH_WEBHOOK_SECRET.
///
/// As text it shows neither the path, which may hold a token, nor the secret.
package struct PushWebhook: Sendable, CustomStringConvertible {
    /// What is wrong with a URL. No part of it is shown.
    package enum Fault: Error, Equatable, Sendable, CaseIterable, CustomStringConvertible {
        case scheme, encryption, credentials, host, port, characters

        package var description: String {
            switch self {
            case .scheme: "it does not begin with http://"
            case .encryption: "https:// asks for TLS, which this version does not speak with the webhook"
            case .credentials: "a user or password stands there; sign with PUSH_WEBHOOK_SECRET instead"
            case .host: "its host is neither a name, nor an IPv4 address, nor an IPv6 address in brackets"
            case .port: "its port is no number from 1 to 65535"
            case .characters: "its path or query has a # or characters that are not visible ASCII"
            }
        }
    }

    /// What is allowed, as a sentence part.
    package static let rule = "http://host[:port][/path][?query]"
    /// The same of the secret. Longer than SHA-256's block a key gains nothing (RFC 2104 §3); this is room for any form.
    package static let secretRule = "1 to 1024 bytes, together with PUSH_WEBHOOK_URL"
    private static let secretBytesMax = 1024
    private static let portDefault: UInt16 = 80

    /// A name, or an address in digits, without brackets.
    package let host: String
    package let port: UInt16
    /// Path and query as they stand in the URL, or `/`.
    package let target: String
    /// nil: pushes are not signed.
    package private(set) var secret: [UInt8]?

    /// Reads the URL.
    package init(url text: String) throws(Fault) {
        guard let mark = text.firstRange(of: "://") else { throw .scheme }
        switch text[..<mark.lowerBound].lowercased() {
        case "http": break
        case "https": throw .encryption
        default: throw .scheme
        }
        let rest = text[mark.upperBound...]
        let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        let (authority, behind) = (rest[..<end], rest[end...])
        guard !authority.contains("@") else { throw .credentials }
        (host, port) = try Self.place(authority)
        guard behind.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }) else { throw .characters }
        target = behind.first == "/" ? String(behind) : "/" + behind
    }

    /// The same, signed; nil when the secret is not of the allowed form.
    package func signed(with secret: String) -> PushWebhook? {
        guard (1...Self.secretBytesMax).contains(secret.utf8.count) else { return nil }
        var signed = self
        signed.secret = Array(secret.utf8)
        return signed
    }

    /// The value of the Host header.
    package var authority: String {
        let place = host.contains(":") ? "[\(host)]" : host
        return port == Self.portDefault ? place : "\(place):\(port)"
    }

    package var description: String { "http://\(authority)" }

    private static func place(_ text: Substring) throws(Fault) -> (host: String, port: UInt16) {
        var host = text
        var digits: Substring?
        if text.first == "[" {
            guard let end = text.lastIndex(of: "]") else { throw .host }
            host = text[text.index(after: text.startIndex)..<end]
            let behind = text[text.index(after: end)...]
            guard behind.isEmpty || behind.first == ":" else { throw .host }
            digits = behind.isEmpty ? nil : behind.dropFirst()
            let isAddress = (try? SocketAddress(numericHost: String(host), port: 0)) != nil
            guard host.contains(":"), isAddress else { throw .host }
        } else {
            if let colon = text.lastIndex(of: ":") {
                host = text[..<colon]
                digits = text[text.index(after: colon)...]
            }
            guard isName(host) else { throw .host }
        }
        guard let digits else { return (String(host), portDefault) }
        let areDigits = digits.utf8.allSatisfy { $0 &- UInt8(ascii: "0") < 10 }
        guard areDigits, let port = UInt16(digits), port > 0 else { throw .port }
        return (String(host), port)
    }

    /// Letters, digits, `-`, `.` and `_` (a name of containers), at most 253 bytes (RFC 1035 §2.3.4).
    private static func isName(_ text: Substring) -> Bool {
        (1...253).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}
