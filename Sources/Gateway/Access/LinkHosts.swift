import Core

/// Where links may lead: LINK_ALLOWED_HOSTS.
///
/// A name lets its public addresses be dialled. A loopback, link-local, private or otherwise special address must stand
/// in the list itself, whatever name leads to it (`localhost` stands for loopback): names change their minds.
package struct LinkHosts: Equatable, Sendable {
    private struct Item: Equatable, Sendable {
        /// In lower case, without a dot at its end.
        let host: String
        /// Any name below `host`.
        let isDomain: Bool
        /// nil: any.
        let port: UInt16?
    }

    /// The allowed form, as a sentence part.
    package static let rule = "host, host:port or *.domain, separated by commas"

    private let items: [Item]

    /// Allows nothing.
    package init() { items = [] }

    /// Nil when an item is not of the allowed form.
    package init?(_ texts: [String]) {
        var items: [Item] = []
        for text in texts {
            let isDomain = text.hasPrefix("*.")
            let authority = isDomain ? text.dropFirst(2) : text[...]
            let isBareV6 = text.contains(":") && IPAddress(text) != nil
            guard let place = isBareV6 ? URLAuthority(host: text, port: nil) : try? URLAuthority(authority) else {
                return nil
            }
            if isDomain, IPAddress(place.host) != nil { return nil }
            items.append(Item(host: Self.normal(place.host), isDomain: isDomain, port: place.port))
        }
        guard !items.isEmpty else { return nil }
        self.items = items
    }

    /// Whether a URL may name this host and port.
    package func allows(_ host: String, port: UInt16) -> Bool {
        let host = Self.normal(host)
        return items.contains { item in
            guard item.port == nil || item.port == port else { return false }
            return item.isDomain ? host.hasSuffix("." + item.host) && IPAddress(host) == nil : host == item.host
        }
    }

    /// Whether an address may be dialled to which an allowed name leads.
    package func allows(_ address: IPAddress, port: UInt16) -> Bool {
        if !address.isSpecial { return true }
        if address.isLoopback, allows("localhost", port: port) { return true }
        return allows(address.description, port: port)
    }

    private static func normal(_ host: String) -> String {
        // An address has more than one form.
        if let address = IPAddress(host) { return address.description }
        let host = host.lowercased()
        return host.hasSuffix(".") ? String(host.dropLast()) : host
    }
}

extension IPAddress {
    /// Whether it is no ordinary address of the public network: loopback, link-local, private, shared, multicast,
    /// reserved, or one that carries another (the registries of RFC 6890).
    fileprivate var isSpecial: Bool {
        if let number = v4 {
            let blocks: [(UInt32, UInt32)] = [
                (0x0000_0000, 8), (0x0A00_0000, 8), (0x6440_0000, 10), (0x7F00_0000, 8), (0xA9FE_0000, 16),
                (0xAC10_0000, 12), (0xC000_0000, 24), (0xC0A8_0000, 16), (0xC612_0000, 15), (0xE000_0000, 3),
            ]
            return blocks.contains { number >> (32 - $0.1) == $0.0 >> (32 - $0.1) }
        }
        // Public is 2000::/3 alone, without Teredo (2001::/32) and 6to4 (2002::/16), which lead elsewhere.
        return high >> 61 != 1 || high >> 32 == 0x2001_0000 || high >> 48 == 0x2002
    }
}
