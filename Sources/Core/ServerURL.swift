/// The address of a server and of what is asked of it: `scheme://host[:port][/path][?query]`, with an s behind the
/// scheme where TLS is spoken (RFC 3986 §3).
///
/// As text it shows neither the path nor the query, which may hold a token.
package struct ServerURL: Equatable, Sendable, CustomStringConvertible {
    /// The scheme without TLS.
    package enum Scheme: String, Sendable {
        case http, ws
    }

    /// A fault of a URL. No part of the URL is shown.
    package enum Fault: Error, Equatable, Sendable, CustomStringConvertible {
        case scheme(Scheme)
        case credentials, host, port, characters

        package var description: String {
            switch self {
            case .scheme(let scheme): "it does not begin with \(scheme.rawValue):// or \(scheme.rawValue)s://"
            case .credentials: "a user or password stands there, and must not"
            case .host: URLAuthority.hostRule
            case .port: URLAuthority.portRule
            case .characters: "its path or query has a # or characters that are not visible ASCII"
            }
        }
    }

    private let scheme: Scheme
    /// Whether TLS is spoken.
    package let isSecure: Bool
    /// A name, or an address in digits, without brackets.
    package let host: String
    package let port: UInt16
    /// Path and query as they stand in the URL, or `/`.
    package let target: String

    /// Reads the URL.
    package init(_ text: String, _ scheme: Scheme) throws(Fault) {
        self.scheme = scheme
        guard let mark = text.firstRange(of: "://") else { throw .scheme(scheme) }
        switch text[..<mark.lowerBound].lowercased() {
        case scheme.rawValue: isSecure = false
        case scheme.rawValue + "s": isSecure = true
        default: throw .scheme(scheme)
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

    /// The value of the Host header.
    package var authority: String {
        "\(URLAuthority(host: host, port: port == Self.portDefault(isSecure) ? nil : port))"
    }

    package var description: String { "\(scheme.rawValue)\(isSecure ? "s" : "")://\(authority)" }

    private static func portDefault(_ isSecure: Bool) -> UInt16 { isSecure ? 443 : 80 }
}
