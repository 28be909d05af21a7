/// Escaping and unescaping of JSON strings (RFC 8259 §7).
package enum JSONText {
    /// A scanned string without its escapes; nil when it holds a lone surrogate.
    /// - Parameter raw: must have been scanned as a string.
    package static func unescape(_ raw: UnsafeRawBufferPointer) -> [UInt8]? {
        var out: [UInt8] = []
        out.reserveCapacity(raw.count)
        var index = 0
        while index < raw.count {
            let byte = raw[index]
            guard byte == UInt8(ascii: "\\") else {
                out.append(byte)
                index += 1
                continue
            }
            switch raw[index + 1] {
            case UInt8(ascii: "b"): out.append(0x08)
            case UInt8(ascii: "f"): out.append(0x0C)
            case UInt8(ascii: "n"): out.append(0x0A)
            case UInt8(ascii: "r"): out.append(0x0D)
            case UInt8(ascii: "t"): out.append(0x09)
            case UInt8(ascii: "u"):
                guard let scalar = scalar(raw, at: &index) else { return nil }
                out.append(contentsOf: Character(scalar).utf8)
                continue
            case let other: out.append(other)
            }
            index += 2
        }
        return out
    }

    /// Reads \uXXXX, or a pair of them, and moves `index` behind it.
    private static func scalar(_ raw: UnsafeRawBufferPointer, at index: inout Int) -> Unicode.Scalar? {
        func unit(_ position: Int) -> UInt32? {
            guard position + 6 <= raw.count, raw[position] == UInt8(ascii: "\\"),
                raw[position + 1] == UInt8(ascii: "u")
            else { return nil }
            var unit: UInt32 = 0
            for offset in 2..<6 {
                guard let digit = HexDigit.value(raw[position + offset]) else { return nil }
                unit = unit << 4 | UInt32(digit)
            }
            return unit
        }
        guard let first = unit(index) else { return nil }
        index += 6
        guard first >= 0xD800 && first <= 0xDBFF else { return Unicode.Scalar(first) }
        guard let second = unit(index), second >= 0xDC00 && second <= 0xDFFF else { return nil }
        index += 6
        return Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
    }
}
