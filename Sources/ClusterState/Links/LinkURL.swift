import Core

/// Where a link leads: `ws://host[:port][/path][?query]`, or `wss://`.
///
/// As text it shows neither the path nor the query, which may hold a token.
package struct LinkURL: Equatable, Sendable, CustomStringConvertible {
    /// A fault of a URL. No part of the URL is shown.
    package enum Fault: Error, Equatable, Sendable, CaseIterable, CustomStringConvertible {
        case scheme, credentials, host, port, characters, tooLong

        package var description: String {
            switch self {
            case .scheme: "it does not begin with ws:// or wss://"
            case .credentials: "a user or password stands there; use headers instead"
            case .host: URLAuthority.hostRule
            case .port: URLAuthority.portRule
            case .characters: "its path or query has a # or characters that are not visible ASCII"
            case .tooLong: "it has more than \(LinkLimits.urlBytesMax) bytes"
            }
        }
    }

    /// Whether TLS is spoken.
    package let isSecure: Bool
    /// A name, or an address in digits, without brackets.
    package let host: String
    package let port: UInt16
    /// Path and query as they stand in the URL, or `/`.
    package let target: String

    /// Reads the URL.
    package init(_ text: String) throws(Fault) {
        guard text.utf8.count <= LinkLimits.urlBytesMax else { throw .tooLong }
        guard let mark = text.firstRange(of: "://") else { throw .scheme }
        switch text[..<mark.lowerBound].lowercased() {
        case "ws": isSecure = false
        case "wss": isSecure = true
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

    /// The value of the Host header.
    package var authority: String {
        "\(URLAuthority(host: host, port: port == Self.portDefault(isSecure) ? nil : port))"
    }

    package var description: String { "ws\(isSecure ? "s" : "")://\(authority)" }

    private static func portDefault(_ isSecure: Bool) -> UInt16 { isSecure ? 443 : 80 }
}
