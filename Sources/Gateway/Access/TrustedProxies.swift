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

    /// The fields in which proxies name the client, as they came; several fields of one name are joined by commas.
    package struct Fields: Sendable {
        /// `Forwarded` (RFC 7239).
        var forwarded: String?
        /// `X-Forwarded-For`
        var forwardedFor: String?
        /// `X-Real-IP`
        var realIP: String?

        package init(forwarded: String? = nil, forwardedFor: String? = nil, realIP: String? = nil) {
            self.forwarded = forwarded
            self.forwardedFor = forwardedFor
            self.realIP = realIP
        }

        var isEmpty: Bool { forwarded == nil && forwardedFor == nil && realIP == nil }
    }

    /// The address that the request came from, seen through the trusted proxies; nil when that is unknown, as a field
    /// can't be read, or two of them disagree: then nobody has said what all would have to believe, and the one that a
    /// client wrote itself may be among them.
    ///
    /// Of a list the right-most address that is not trusted, as each proxy appends whom it heard; if all are trusted,
    /// the left-most. A loopback address reported by another machine is that machine's own loopback, not ours, so that
    /// machine's address stands. An `X-Real-IP` that names a trusted proxy of the list agrees with the list.
    ///
    /// - Parameter peer: the other end of the TCP connection.
    package func effectiveAddress(peer: IPAddress, _ fields: Fields) -> IPAddress? {
        guard !fields.isEmpty, contains(peer) else { return peer }
        var found: IPAddress?
        var passed: Set<IPAddress> = [peer]
        // Bounded by the request head's limit.
        let lists = [
            ForwardedField.hops(of: fields.forwarded ?? ""),
            Self.entries(of: fields.forwardedFor ?? "").map { String(decoding: $0, as: UTF8.self) },
        ]
        for hops in lists where !hops.isEmpty {
            guard let address = walk(hops, from: peer, &passed), found == nil || found == address else { return nil }
            found = address
        }
        for entry in Self.entries(of: fields.realIP ?? "") {
            guard let real = Self.address(ofHop: entry) else { return nil }
            if found != nil, real != peer, passed.contains(real) { continue }
            guard let address = walk([String(decoding: entry, as: UTF8.self)], from: peer, &passed),
                found == nil || found == address
            else { return nil }
            found = address
        }
        return found ?? peer
    }

    /// - Parameters:
    ///   - hops: from the left; nil for one that can't be read.
    ///   - passed: the trusted proxies that were met.
    private func walk(_ hops: [String?], from peer: IPAddress, _ passed: inout Set<IPAddress>) -> IPAddress? {
        var effective = peer
        for hop in hops.reversed() {
            guard let hop, let address = Self.address(ofHop: hop.utf8[...]) else { return nil }
            if address.isLoopback && !effective.isLoopback { return effective }
            effective = address
            guard contains(address) else { return address }
            passed.insert(address)
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
