import Core

/// Whose word about the client's address is believed, and what the client's address then is.
///
/// The effective address counts for connection limits, logs and the loopback rule, so it must not be a client's free
/// choice.
package struct TrustedProxies: Sendable, Equatable {
    /// The machine itself: a reverse proxy beside the node.
    package static let loopback = TrustedProxies([.loopbackV4, .loopbackV6])

    /// The trusted blocks.
    package let blocks: [CIDR]

    /// Trusts these blocks and nobody else.
    package init(_ blocks: [CIDR]) {
        self.blocks = blocks
    }

    /// Whether the address is a trusted proxy's.
    package func contains(_ address: IPAddress) -> Bool {
        blocks.contains { $0.contains(address) }
    }

    /// The address that the request came from, seen through the trusted proxies.
    ///
    /// The right-most address of `X-Forwarded-For` that is not trusted, as each proxy appends whom it heard; if all are
    /// trusted, the left-most. Without `X-Forwarded-For` the one in `X-Real-IP`, without that the peer.
    ///
    /// Two cases are decided against the client: an entry that is no address ends the walk with
    /// `IPAddress.unspecified` (it can't get loopback's rights by sending rubbish), and a loopback address reported
    /// by another machine is that machine's own loopback, not ours, so that machine's address stands.
    ///
    /// - Parameters:
    ///   - peer: the other end of the TCP connection.
    ///   - forwardedFor: the value of `X-Forwarded-For`, several fields joined by commas; nil when absent.
    ///   - realIP: the value of `X-Real-IP`; nil when absent.
    package func effectiveAddress(peer: IPAddress, forwardedFor: String?, realIP: String?) -> IPAddress {
        guard contains(peer) else { return peer }
        // Bounded by the request head's limit.
        let hops = Self.entries(of: forwardedFor ?? "")
        var effective = peer
        for hop in hops.isEmpty ? Self.entries(of: realIP ?? "").suffix(1) : hops.reversed()[...] {
            guard let address = Self.address(ofHop: hop) else { return .unspecified }
            if address.isLoopback && !effective.isLoopback {
                return effective
            }
            effective = address
            if !contains(address) {
                return address
            }
        }
        return effective
    }

    private static func entries(of list: String) -> [Substring.UTF8View] {
        list.utf8.split(separator: UInt8(ascii: ","))
            .map { trimmed($0) }
            .filter { !$0.isEmpty }
    }

    private static func trimmed(_ text: Substring.UTF8View) -> Substring.UTF8View {
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        var text = text.drop(while: isBlank)
        while let last = text.last, isBlank(last) {
            text.removeLast()
        }
        return text
    }

    /// The address in one entry: bare, or with a port as some proxies write it (`192.0.2.1:80`, `[2001:db8::1]:80`).
    private static func address(ofHop hop: Substring.UTF8View) -> IPAddress? {
        let colon = UInt8(ascii: ":")
        if hop.first == UInt8(ascii: "[") {
            guard let end = hop.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            let rest = hop[hop.index(after: end)...]
            let inner = hop[hop.index(after: hop.startIndex)..<end]
            guard rest.isEmpty || isPort(rest), inner.contains(colon) else { return nil }
            return IPAddress(inner)
        }
        if let first = hop.firstIndex(of: colon), !hop[hop.index(after: first)...].contains(colon) {
            return isPort(hop[first...]) ? IPAddress(hop[..<first]) : nil
        }
        return IPAddress(hop)
    }

    /// Whether the text is a colon and up to five digits.
    private static func isPort(_ text: Substring.UTF8View) -> Bool {
        text.first == UInt8(ascii: ":") && (2...6).contains(text.count)
            && text.dropFirst().allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}
