/// Walks over the members of one JSON object from a server, or over the elements of an array, without allocating: key
/// and raw value, one after the other.
///
/// Lenient: it looks for the shape, not for validity; what has no shape ends the walk. Never reads outside `bytes`.
package struct MemberScanner {
    package struct Member {
        /// Inside the quotes, escapes as written.
        package let key: UnsafeRawBufferPointer
        /// Of a string: inside the quotes, escapes as written. Else the value's text.
        package let value: UnsafeRawBufferPointer

        /// A whole number from 0 up; nil when the value is none.
        package var number: UInt64? {
            guard !value.isEmpty, value.count <= 19 else { return nil }
            var number: UInt64 = 0
            for digit in value {
                guard digit &- 0x30 < 10 else { return nil }
                number = number * 10 + UInt64(digit &- 0x30)
            }
            return number
        }

        package var text: String { String(decoding: value, as: UTF8.self) }

        /// Whether the value is a string. The byte before a value lies in the object, too: at least its colon.
        package var isString: Bool { value.baseAddress.map { $0.load(fromByteOffset: -1, as: UInt8.self) } == 0x22 }
    }

    private let bytes: UnsafeRawBufferPointer
    private var index = 0

    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The text of one member of an object; nil when it is not there.
    package static func text(of name: StaticString, in bytes: UnsafeRawBufferPointer) -> String? {
        var scanner = MemberScanner(bytes)
        while let member = scanner.next() {
            if member.key.equals(name) { return member.text }
        }
        return nil
    }

    /// The next member; nil at the end of the object, and where its shape breaks.
    package mutating func next() -> Member? {
        guard takesBeginning(UInt8(ascii: "{")), skipBlanks() == UInt8(ascii: "\""), let key = string(),
            skipBlanks() == UInt8(ascii: ":")
        else { return nil }
        index += 1
        return value().map { Member(key: key, value: $0) }
    }

    /// The next element of an array, as a member's value; nil at the end of the array, and where its shape breaks.
    package mutating func nextElement() -> UnsafeRawBufferPointer? {
        guard takesBeginning(UInt8(ascii: "[")), skipBlanks() != UInt8(ascii: "]") else { return nil }
        return value()
    }

    /// Takes the opening bracket, or the comma behind the last value.
    private mutating func takesBeginning(_ bracket: UInt8) -> Bool {
        guard let first = skipBlanks(), first == bracket || first == UInt8(ascii: ",") else { return false }
        index += 1
        return true
    }

    /// Takes a value that begins here or after blanks.
    private mutating func value() -> UnsafeRawBufferPointer? {
        guard let start = skipBlanks() else { return nil }
        switch start {
        case UInt8(ascii: "\""): return string()
        case UInt8(ascii: "{"), UInt8(ascii: "["): return nested()
        default: return plain()
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
            case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), 0...0x20:
                return UnsafeRawBufferPointer(rebasing: bytes[start..<index])
            default: index += 1
            }
        }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<index])
    }
}
