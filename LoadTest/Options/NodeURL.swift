import NetworkIO

/// Reads the address of a node: `ws://HOST[:PORT]`.
enum NodeURL {
    /// Nil when it is something else, or the name has no address. Waits for the name to be resolved.
    static func parse(_ text: String) -> Plan.Node? {
        guard text.hasPrefix("ws://") else { return nil }
        var authority = text.dropFirst(5)
        if authority.hasSuffix("/") { authority.removeLast() }
        guard !authority.isEmpty, !authority.contains(where: { "/?#@ ".contains($0) }) else { return nil }
        var host = authority
        var port: UInt16 = 80
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
            guard let number = UInt16(authority[authority.index(after: colon)...]), number > 0 else { return nil }
            port = number
            host = authority[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard let address = SocketAddress.resolve(host: String(host), port: port) else { return nil }
        return Plan.Node(url: text, host: String(authority), address: address.hostText, port: port)
    }
}
