/// An IPv4 or IPv6 address, 16 bytes, comparable and usable as a key.
///
/// IPv4 is held in its IPv4-mapped form (`::ffff:a.b.c.d`, RFC 4291 section 2.5.5.2), so an IPv4 client is one address
/// whether its socket is of the one family or the other. Zone ids (`fe80::1%eth0`) are not part of an address here.
package struct IPAddress: Hashable, Sendable {
    /// The first eight bytes, as a number.
    package let high: UInt64
    /// The last eight bytes, as a number.
    package let low: UInt64

    /// Nobody: `0.0.0.0`. Stands for an address that can't be known; it is neither loopback nor trusted.
    package static let unspecified = IPAddress(v4: 0)

    /// An IPv6 address, or an IPv4 one in mapped form, from its two halves.
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// An IPv4 address from its number: 127.0.0.1 is `0x7F00_0001` (host byte order).
    package init(v4 number: UInt32) {
        self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(number))
    }

    /// An address from its bytes in network order: 4 (IPv4) or 16 (IPv6); nil for any other length.
    package init?(networkBytes bytes: UnsafeRawBufferPointer) {
        switch bytes.count {
        case 4:
            self.init(v4: UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)))
        case 16:
            self.init(
                high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        default:
            return nil
        }
    }

    /// Whether this is an IPv4 address.
    package var isV4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// The IPv4 address as a number in host byte order; nil for IPv6.
    package var v4: UInt32? { isV4 ? UInt32(truncatingIfNeeded: low) : nil }

    /// Whether this is the machine itself: 127.0.0.0/8 or `::1`.
    package var isLoopback: Bool {
        isV4 ? (low >> 24) & 0xFF == 127 : high == 0 && low == 1
    }

    /// The eight groups of 16 bits, from the left.
    private var groups: [UInt16] {
        (0..<8).map { UInt16(truncatingIfNeeded: ($0 < 4 ? high : low) >> (48 - 16 * ($0 & 3))) }
    }
}

// MARK: - Text

extension IPAddress: LosslessStringConvertible {
    /// Parses an address: four decimal numbers without leading zeros (which some read as octal), or the IPv6 forms of
    /// RFC 4291 section 2.2. No brackets, port, prefix or zone. Nil for anything else.
    package init?(_ text: String) {
        self.init(text[...].utf8)
    }

    /// As `init(_: String)`, from a slice of a longer text.
    package init?(_ text: Substring.UTF8View) {
        // The longest form has 45 characters; what is longer is not looked at.
        guard (2...45).contains(text.count) else { return nil }
        if text.contains(UInt8(ascii: ":")) {
            guard let groups = Self.parseV6(text) else { return nil }
            let halves = groups.reduce(into: (high: UInt64(0), low: UInt64(0))) { halves, group in
                halves = (halves.high << 16 | halves.low >> 48, halves.low << 16 | UInt64(group))
            }
            self.init(high: halves.high, low: halves.low)
        } else {
            guard let number = Self.parseV4(text) else { return nil }
            self.init(v4: number)
        }
    }

    /// The address as RFC 5952 writes it: lower case, the first longest run of zero groups as `::`; IPv4 in four
    /// numbers.
    package var description: String {
        if let v4 {
            return "\(v4 >> 24).\(v4 >> 16 & 255).\(v4 >> 8 & 255).\(v4 & 255)"
        }
        let groups = groups
        var run = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || groups[index] != 0 {
            // A single zero group is not shortened (section 4.2.2).
            if index - start > max(run.count, 1) {
                run = start..<index
            }
            start = index + 1
        }
        func hex(_ part: some Sequence<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard !run.isEmpty else { return hex(groups) }
        return hex(groups[..<run.lowerBound]) + "::" + hex(groups[run.upperBound...])
    }

    private static func parseV4(_ text: Substring.UTF8View) -> UInt32? {
        let parts = text.split(separator: UInt8(ascii: "."), maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var number: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0") else { return nil }
            var value: UInt32 = 0
            for byte in part {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                value = value * 10 + UInt32(byte - UInt8(ascii: "0"))
            }
            guard value <= 255 else { return nil }
            number = number << 8 | value
        }
        return number
    }

    /// The eight groups of an IPv6 text, or nil.
    private static func parseV6(_ text: Substring.UTF8View) -> [UInt16]? {
        guard let gap = text.firstRange(of: "::".utf8) else {
            guard let groups = parseGroups(text, mayEndInV4: true) else { return nil }
            return groups.count == 8 ? groups : nil
        }
        guard let head = parseGroups(text[..<gap.lowerBound], mayEndInV4: false),
            let tail = parseGroups(text[gap.upperBound...], mayEndInV4: true),
            // "::" stands for at least one group.
            head.count + tail.count < 8
        else { return nil }
        return head + repeatElement(0, count: 8 - head.count - tail.count) + tail
    }

    /// Groups with single colons between them; none for an empty text.
    private static func parseGroups(_ text: Substring.UTF8View, mayEndInV4: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        var groups: [UInt16] = []
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if let group = parseHex(part) {
                groups.append(group)
            } else if mayEndInV4, index == parts.count - 1, let v4 = parseV4(part) {
                groups += [UInt16(v4 >> 16), UInt16(v4 & 0xFFFF)]
            } else {
                return nil
            }
        }
        return groups
    }

    private static func parseHex(_ part: Substring.UTF8View) -> UInt16? {
        guard (1...4).contains(part.count) else { return nil }
        var value: UInt16 = 0
        for byte in part {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt16(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt16(byte - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt16(byte - UInt8(ascii: "A") + 10)
            default: return nil
            }
        }
        return value
    }
}
