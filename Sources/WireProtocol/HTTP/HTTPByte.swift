/// Byte classes of the HTTP grammar, and the scans over them. All indices are within the buffer that is passed.
package enum HTTPByte {
    @inline(__always) static var tab: UInt8 { 0x09 }
    @inline(__always) static var lf: UInt8 { 0x0A }
    @inline(__always) static var cr: UInt8 { 0x0D }
    @inline(__always) static var space: UInt8 { 0x20 }

    /// tchar of RFC 9110 §5.6.2, as a 128-bit set.
    @inline(__always)
    package static func isToken(_ byte: UInt8) -> Bool {
        isMember(byte, low: 0x03FF_6CFA_0000_0000, high: 0x57FF_FFFF_C7FF_FFFE)
    }

    /// unreserved and sub-delims of RFC 3986 §3.2.2: what a registered name or an IPv4 address is made of.
    @inline(__always)
    static func isRegisteredName(_ byte: UInt8) -> Bool {
        isMember(byte, low: 0x2BFF_7FD2_0000_0000, high: 0x47FF_FFFE_87FF_FFFE)
    }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool {
        byte &- 0x30 < 10
    }

    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool {
        byte == space || byte == tab
    }

    /// 0…15, or nil when the byte is no hexadecimal digit.
    @inline(__always)
    static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte &- 0x30
        case 0x41...0x46: byte &- 0x37
        case 0x61...0x66: byte &- 0x57
        default: nil
        }
    }

    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    @inline(__always)
    private static func isMember(_ byte: UInt8, low: UInt64, high: UInt64) -> Bool {
        switch byte {
        case 0..<64: low &>> UInt64(byte) & 1 == 1
        case 64..<128: high &>> UInt64(byte &- 64) & 1 == 1
        default: false
        }
    }

    /// The first control character other than tab in `bytes[start..<end]`, or `end`. Eight bytes at a time: a byte
    /// below 0x20 borrows into its top bit; a false alarm can only stand above a true one, and the lowest is taken.
    static func firstControl(in bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        var index = start
        while index &+ 8 <= end {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let deletes = word ^ (ones &* 0x7F)
            let found = ((word &- ones &* 0x20) & ~word | (deletes &- ones) & ~deletes) & tops
            if found == 0 {
                index &+= 8
                continue
            }
            index &+= found.trailingZeroBitCount / 8
            if bytes[index] != tab { return index }
            index &+= 1
        }
        while index < end {
            let byte = bytes[index]
            if byte < 0x20 && byte != tab || byte == 0x7F { return index }
            index &+= 1
        }
        return end
    }

    /// True when `bytes[start..<end]` equals `lowercased`, which must be in lower case, but for ASCII case.
    @inline(__always)
    static func equalsIgnoringCase(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int, _ lowercased: StaticString
    ) -> Bool {
        guard end &- start == lowercased.utf8CodeUnitCount else { return false }
        let expected = lowercased.utf8Start
        var index = 0
        while index < end &- start {
            if self.lowercased(bytes[start &+ index]) != expected[index] { return false }
            index &+= 1
        }
        return true
    }
}
