import Core

/// The address of a node as tools take it: `ws://HOST[:PORT]` or `wss://HOST[:PORT]`, without a path.
package struct NodeURL: Sendable {
    /// As it was written.
    package let text: String
    /// The value of the Host header.
    package let host: String
    package let address: SocketAddress
    /// A name, or an address in digits: without brackets or port.
    package let name: String
    /// Whether TLS is spoken there.
    package let isSecure: Bool

    /// Reads a URL. A name is looked up, which waits: for the start of a program.
    /// - Returns: nil when it is something else, or the name has no address.
    package init?(_ text: String) {
        isSecure = text.hasPrefix("wss://")
        guard isSecure || text.hasPrefix("ws://"), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return nil
        }
        var authority = text.dropFirst(isSecure ? 6 : 5)
        if authority.hasSuffix("/") { authority.removeLast() }
        guard let place = try? URLAuthority(authority),
            let address = SocketAddress.resolve(host: place.host, port: place.port ?? (isSecure ? 443 : 80))
        else { return nil }
        self.text = text
        self.host = String(authority)
        self.address = address
        name = place.host
    }
}
