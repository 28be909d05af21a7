/// Walks over the members of one JSON object from a server, without allocating: key and raw value, one after the other.
///
/// Lenient: it looks for the shape, not for validity; what has no shape ends the walk. Never reads outside `bytes`.
struct MemberScanner {
    struct Member {
        /// Inside the quotes, escapes as written.
        let key: UnsafeRawBufferPointer
        /// Of a string: inside the quotes, escapes as written. Else the value's text.
        let value: UnsafeRawBufferPointer

        /// A whole number from 0 up; nil when the value is none.
        var number: UInt64? {
            guard !value.isEmpty, value.count <= 19 else { return nil }
            var number: UInt64 = 0
            for digit in value {
                guard digit &- 0x30 < 10 else { return nil }
                number = number * 10 + UInt64(digit &- 0x30)
            }
            return number
        }

        var text: String { String(decoding: value, as: UTF8.self) }
    }

    private let bytes: UnsafeRawBufferPointer
    private var index = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The next member; nil at the end of the object, and where its shape breaks.
    mutating func next() -> Member? {
        // The opening brace, or the comma behind the last value.
        guard let first = skipBlanks(), first == UInt8(ascii: "{") || first == UInt8(ascii: ",") else { return nil }
        index += 1
        guard skipBlanks() == UInt8(ascii: "\""), let key = string(), skipBlanks() == UInt8(ascii: ":") else {
            return nil
        }
        index += 1
        guard let start = skipBlanks() else { return nil }
        switch start {
        case UInt8(ascii: "\""): return string().map { Member(key: key, value: $0) }
        case UInt8(ascii: "{"), UInt8(ascii: "["): return nested().map { Member(key: key, value: $0) }
        default: return Member(key: key, value: plain())
        }
    }

    /// The byte at the next place that is not blank, which is not taken.
    private mutating func skipBlanks() -> UInt8? {
        while index < bytes.count {
            let byte = bytes[index]
            if byte > 0x20 { return byte }
            index += 1
        }
        return nil
    }

    /// Takes a string that begins here.
    private mutating func string() -> UnsafeRawBufferPointer? {
        index += 1
        let start = index
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index += 1
                return UnsafeRawBufferPointer(rebasing: bytes[start..<(index - 1)])
            case UInt8(ascii: "\\"): index += 2
            default: index += 1
            }
        }
        return nil
    }

    /// Takes an object or array that begins here.
    private mutating func nested() -> UnsafeRawBufferPointer? {
        let start = index
        var depth = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                guard string() != nil else { return nil }
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            index += 1
            if depth == 0 { return UnsafeRawBufferPointer(rebasing: bytes[start..<index]) }
        }
        return nil
    }

    /// Takes a number or word that begins here.
    private mutating func plain() -> UnsafeRawBufferPointer {
        let start = index
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: ","), UInt8(ascii: "}"), 0...0x20:
                return UnsafeRawBufferPointer(rebasing: bytes[start..<index])
            default: index += 1
            }
        }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<index])
    }
}
