import Core

/// Where pushes go, and what they are signed with: PUSH_WEBHOOK_URL and PUSH_WEBHOOK_SECRET.
///
/// As text it shows neither the path, which may hold a token, nor the secret.
package struct PushWebhook: Sendable, CustomStringConvertible {
    /// A fault of a URL. No part of the URL is shown.
    package enum Fault: Error, Equatable, Sendable, CaseIterable, CustomStringConvertible {
        case scheme, credentials, host, port, characters

        package var description: String {
            switch self {
            case .scheme: "it does not begin with http:// or https://"
            case .credentials: "a user or password stands there; sign with PUSH_WEBHOOK_SECRET instead"
            case .host: URLAuthority.hostRule
            case .port: URLAuthority.portRule
            case .characters: "its path or query has a # or characters that are not visible ASCII"
            }
        }
    }

    /// The allowed URLs, as a sentence part.
    package static let rule = "http://host[:port][/path][?query], or https://"
    /// The same of the secret. Longer than SHA-256's block a key gains nothing (RFC 2104 §3); this is room for any
    /// form.
    package static let secretRule = "1 to 1024 bytes, together with PUSH_WEBHOOK_URL"
    private static let secretBytesMax = 1024

    /// Whether it is asked by TLS.
    package let isSecure: Bool
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
        case "http": isSecure = false
        case "https": isSecure = true
        default: throw .scheme
        }
        let rest = text[mark.upperBound...]
        let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        let (authority, behind) = (rest[..<end], rest[end...])
        guard !authority.contains("@") else { throw .credentials }
        do throws(URLAuthority.Fault) {
            let place = try URLAuthority(authority)
            (host, port) = (place.host, place.port ?? Self.portDefault(isSecure))
        } catch {
            throw error == .host ? .host : .port
        }
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
        "\(URLAuthority(host: host, port: port == Self.portDefault(isSecure) ? nil : port))"
    }

    package var description: String { "http\(isSecure ? "s" : "")://\(authority)" }

    private static func portDefault(_ isSecure: Bool) -> UInt16 { isSecure ? 443 : 80 }
}
