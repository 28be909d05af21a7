/// The address of a node as tools take it: `ws://HOST[:PORT]`, without a path.
package struct NodeURL: Sendable {
    /// As it was written.
    package let text: String
    /// The value of the Host header.
    package let host: String
    package let address: SocketAddress

    /// Reads a URL. A name is looked up, which waits: for the start of a program.
    /// - Returns: nil when it is something else, or the name has no address.
    package init?(_ text: String) {
        guard text.hasPrefix("ws://"), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        var authority = text.dropFirst(5)
        if authority.hasSuffix("/") { authority.removeLast() }
        guard !authority.isEmpty, !authority.contains(where: { "/?#@".contains($0) }) else { return nil }
        var host = authority
        var port: UInt16 = 80
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
            guard let number = UInt16(authority[authority.index(after: colon)...]), number > 0 else { return nil }
            port = number
            host = authority[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard let address = SocketAddress.resolve(host: String(host), port: port) else { return nil }
        self.text = text
        self.host = String(authority)
        self.address = address
    }
}
