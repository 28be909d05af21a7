import Core

/// The host that a request's `Host` names, without its port; lower case.
package struct HostName: Hashable, Sendable {
    let text: String

    /// - Parameter host: `host` or `host:port`; IPv6 in brackets.
    package init(_ host: String) {
        let bytes = host.utf8
        let end: String.Index
        if bytes.first == UInt8(ascii: "[") {
            end = bytes.firstIndex(of: UInt8(ascii: "]")).map(bytes.index(after:)) ?? bytes.endIndex
        } else {
            end = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
        }
        // One dot at the end makes a name absolute, and means the same.
        let name = host[..<end].lowercased()
        text = name.hasSuffix(".") ? String(name.dropLast()) : name
    }

    /// Whether this names the machine itself whatever any name server says: `localhost`, or a loopback address.
    package var isLoopback: Bool {
        if text == "localhost" { return true }
        let inner = text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
        return IPAddress(inner)?.isLoopback ?? false
    }
}

/// The names under which a node answers: `ALLOWED_HOSTS`.
package struct AllowedHosts: Sendable, Equatable {
    private let names: Set<HostName>

    /// nil when one of the items is no host.
    package init?(_ items: [String]) {
        guard !items.isEmpty, items.allSatisfy(Self.isHost) else { return nil }
        names = Set(items.map(HostName.init))
    }

    /// Whether the node answers to this `Host`; without one (HTTP/1.0) it does not.
    package func contains(_ host: String?) -> Bool { host.map { names.contains(HostName($0)) } ?? false }

    /// A name, an IPv4 address, or an IPv6 address in brackets; without a port, as any port is meant.
    private static func isHost(_ text: String) -> Bool {
        if text.hasPrefix("["), text.hasSuffix("]") { return IPAddress(text.dropFirst().dropLast().description) != nil }
        return !text.isEmpty && text.utf8.count <= 253
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
