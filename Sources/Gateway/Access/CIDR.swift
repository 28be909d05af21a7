import Core

/// A block of addresses: an address and how many of its leading bits count (RFC 4632, RFC 4291 section 2.3).
///
/// Bits after the prefix are ignored. A block of IPv6 never holds an IPv4 address, although IPv4 is held in a mapped
/// form.
package struct CIDR: Hashable, Sendable, LosslessStringConvertible {
    /// The block's first address.
    package let network: IPAddress
    /// How many leading bits of the 128 count; an IPv4 prefix counts 96 more.
    let bits: Int

    /// 127.0.0.0/8.
    package static let loopbackV4 = CIDR(IPAddress(v4: 0x7F00_0000), bits: 96 + 8)
    /// ::1/128.
    package static let loopbackV6 = CIDR(IPAddress(high: 0, low: 1), bits: 128)

    private init(_ address: IPAddress, bits: Int) {
        let mask = Self.mask(bits)
        self.network = IPAddress(high: address.high & mask.high, low: address.low & mask.low)
        self.bits = bits
    }

    /// Parses `address` or `address/prefix` (0–32 for IPv4, 0–128 for IPv6); nil for anything else.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(parts[0].utf8) else { return nil }
        guard parts.count == 2 else {
            self.init(address, bits: 128)
            return
        }
        // What is written with colons counts its prefix from the first of 128 bits, also for a mapped address.
        let isWrittenAsV4 = !parts[0].utf8.contains(UInt8(ascii: ":"))
        guard (1...3).contains(parts[1].utf8.count),
            parts[1].utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let prefix = Int(parts[1]), prefix <= (isWrittenAsV4 ? 32 : 128)
        else { return nil }
        self.init(address, bits: isWrittenAsV4 ? 96 + prefix : prefix)
    }

    /// Whether the address lies in the block.
    package func contains(_ address: IPAddress) -> Bool {
        guard bits >= 96 || !address.isV4 else { return false }
        let mask = Self.mask(bits)
        return address.high & mask.high == network.high && address.low & mask.low == network.low
    }

    /// The block as it is usually written.
    package var description: String {
        network.isV4 && bits >= 96 ? "\(network)/\(bits - 96)" : "\(network)/\(bits)"
    }

    /// The leading bits set, in two halves. Swift's `<<` by the whole width gives 0.
    private static func mask(_ bits: Int) -> (high: UInt64, low: UInt64) {
        (UInt64.max << (64 - min(bits, 64)), UInt64.max << (64 - max(bits - 64, 0)))
    }
}
