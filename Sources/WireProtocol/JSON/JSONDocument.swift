/// Small JSON documents whose names the chat does not know: checked in full, and taken apart one level at a time.
///
/// Strict, unlike `MemberScanner`, and with memory for each name, unlike `FieldTable`: for keys and tokens, which are
/// short and rare.
package enum JSONDocument {
    /// One member of an object; the value lies in the input.
    package struct Member {
        /// Without its escapes.
        package let name: String
        package let value: JSONValue
    }

    /// The members of the one object that `bytes` are, in their order; repeated names stand there repeatedly.
    /// - Parameter bytes: need not be UTF-8; what is none is no JSON.
    package static func members(of bytes: UnsafeRawBufferPointer) throws(JSONFault) -> [Member] {
        var scanner = try scanner(of: bytes)
        var members: [Member] = []
        try scanner.each(UInt8(ascii: "{"), UInt8(ascii: "}")) { scanner throws(JSONFault) in
            let name = try scanner.string()
            scanner.skipWhitespace()
            try scanner.expect(UInt8(ascii: ":"))
            scanner.skipWhitespace()
            let value = try scanner.value()
            guard let text = name.text else { throw .loneSurrogate }
            members.append(Member(name: text, value: value))
        }
        if scanner.sawLoneSurrogate { throw .loneSurrogate }
        return members
    }

    /// The elements of the one array that `bytes` are.
    package static func elements(of bytes: UnsafeRawBufferPointer) throws(JSONFault) -> [JSONValue] {
        var scanner = try scanner(of: bytes)
        var elements: [JSONValue] = []
        try scanner.each(UInt8(ascii: "["), UInt8(ascii: "]")) { scanner throws(JSONFault) in
            elements.append(try scanner.value())
        }
        if scanner.sawLoneSurrogate { throw .loneSurrogate }
        return elements
    }

    /// The elements of the array that is a member of the one object that `bytes` are; nil when that member is missing,
    /// repeated or no array. Each element may be nested as deep as a value of its own; whether its strings have lone
    /// surrogates is for who reads it.
    package static func elements(
        of name: String, in bytes: UnsafeRawBufferPointer
    ) throws(JSONFault) -> [JSONValue]? {
        var scanner = try scanner(of: bytes)
        var (found, isRepeated, isOther): ([JSONValue]?, Bool, Bool) = (nil, false, false)
        try scanner.each(UInt8(ascii: "{"), UInt8(ascii: "}")) { scanner throws(JSONFault) in
            let key = try scanner.string()
            scanner.skipWhitespace()
            try scanner.expect(UInt8(ascii: ":"))
            scanner.skipWhitespace()
            guard key.text == name else {
                _ = try scanner.value()
                return
            }
            if found != nil || isOther { isRepeated = true }
            guard scanner.index < scanner.count, scanner.byte(at: scanner.index) == UInt8(ascii: "[") else {
                isOther = true
                _ = try scanner.value()
                return
            }
            var elements: [JSONValue] = []
            try scanner.parts(UInt8(ascii: "["), UInt8(ascii: "]")) { scanner throws(JSONFault) in
                elements.append(try scanner.value())
            }
            found = elements
        }
        return isRepeated || isOther ? nil : found
    }

    /// Whether `bytes` are one JSON value, nested at most `JSONScanner.depthMax` deep, without lone surrogates.
    package static func isValue(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard var scanner = try? scanner(of: bytes) else { return false }
        scanner.skipWhitespace()
        guard (try? scanner.value()) != nil, (try? scanner.expectEnd()) != nil else { return false }
        return !scanner.sawLoneSurrogate
    }

    private static func scanner(of bytes: UnsafeRawBufferPointer) throws(JSONFault) -> JSONScanner {
        guard UTF8Validator.isValid(bytes) else { throw .syntax(offset: 0) }
        return JSONScanner(bytes)
    }
}

extension JSONScanner {
    /// Takes the one container that is all of the input; `take` takes one of its parts, which commas separate.
    fileprivate mutating func each(
        _ opener: UInt8, _ closer: UInt8, _ take: (inout JSONScanner) throws(JSONFault) -> Void
    ) throws(JSONFault) {
        try parts(opener, closer, take)
        try expectEnd()
    }

    /// Takes a container that begins here or after white space, with all its parts.
    fileprivate mutating func parts(
        _ opener: UInt8, _ closer: UInt8, _ take: (inout JSONScanner) throws(JSONFault) -> Void
    ) throws(JSONFault) {
        skipWhitespace()
        try expect(opener)
        skipWhitespace()
        if index < count, byte(at: index) == closer {
            index &+= 1
            return
        }
        while true {
            skipWhitespace()
            try take(&self)
            skipWhitespace()
            guard index < count else { throw fault }
            guard byte(at: index) == UInt8(ascii: ",") else {
                return try expect(closer)
            }
            index &+= 1
        }
    }
}

extension JSONValue {
    /// A string without its escapes; nil for other kinds, and for a lone surrogate.
    package var text: String? {
        guard kind == .string else { return nil }
        guard hasEscapes else { return String(decoding: raw, as: UTF8.self) }
        return JSONText.unescape(raw).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A number from 0 in thousandths, what is smaller cut off; nil for everything else, for one that is written with
    /// an exponent, and beyond 2^53 - 1 whole ones.
    package var thousandths: Int? {
        guard kind == .number else { return nil }
        let whole = raw.prefix { $0 != UInt8(ascii: ".") }
        let fraction = raw[whole.endIndex...].dropFirst()
        guard let count = Self.natural(whole), fraction.allSatisfy({ $0 &- 0x30 < 10 }) else { return nil }
        let digits = Array(fraction.prefix(3)) + [UInt8](repeating: 0x30, count: max(0, 3 - fraction.count))
        return Self.natural(digits).map { count * 1000 + $0 }
    }

    /// A number from 0 to 2^53 - 1 that is written with digits alone; nil for everything else.
    package var natural: Int? { kind == .number ? Self.natural(raw) : nil }

    private static func natural(_ digits: some Collection<UInt8>) -> Int? {
        guard digits.count <= 16 else { return nil }
        var number = 0
        for digit in digits {
            guard digit &- 0x30 < 10 else { return nil }
            number = number * 10 + Int(digit - 0x30)
        }
        return number <= 9_007_199_254_740_991 ? number : nil
    }
}
