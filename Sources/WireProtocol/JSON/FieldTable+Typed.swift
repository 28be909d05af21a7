import Core

/// A string as a client wrote it: the bytes it means, which lie in the input unless it had escapes.
package struct StringSlice {
    /// The inside of the string as written, escapes and all: what may be copied into other JSON as it is.
    package let raw: UnsafeRawBufferPointer
    private let unescaped: [UInt8]?

    package init(raw: UnsafeRawBufferPointer, unescaped: [UInt8]?) {
        self.raw = raw
        self.unescaped = unescaped
    }

    /// Calls `body` with the bytes that the string means.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        guard let unescaped else { return body(raw) }
        return unescaped.withUnsafeBytes(body)
    }

    /// The string itself.
    package var text: String { withBytes { String(decoding: $0, as: UTF8.self) } }
}

extension FieldTable {
    /// A string of any content.
    package func string(_ field: Field) throws(FieldFault) -> StringSlice? {
        guard let value = try value(field) else { return nil }
        guard value.kind == .string else { throw .badField("\"\(field.name)\" must be a string") }
        guard value.hasEscapes else { return StringSlice(raw: value.raw, unescaped: nil) }
        guard let bytes = JSONText.unescape(value.raw) else {
            throw .badField("\"\(field.name)\" contains an escape of half a surrogate pair")
        }
        return StringSlice(raw: value.raw, unescaped: bytes)
    }

    /// A value of any kind as it was written, a string with its quotes.
    @inline(__always)
    package func written(_ field: Field) throws(FieldFault) -> UnsafeRawBufferPointer? {
        guard let value = try value(field) else { return nil }
        guard value.kind == .string, let start = value.raw.baseAddress else { return value.raw }
        return UnsafeRawBufferPointer(start: start - 1, count: value.raw.count + 2)
    }

    /// A room, user or device.
    @inline(__always)
    package func identifier(_ field: Field) throws(FieldFault) -> Identifier? {
        guard has(field), let slice = try string(field) else { return nil }
        guard let identifier = slice.withBytes({ Identifier(validating: $0) }) else {
            throw .badField("\"\(field.name)\": \(Identifier.rule)")
        }
        return identifier
    }

    /// A client's message id.
    @inline(__always)
    package func messageID() throws(FieldFault) -> StringSlice? {
        guard has(.id), let slice = try string(.id) else { return nil }
        guard slice.withBytes(MessageID.isValid) else {
            throw .badField("\"id\" must be a string of 1 to 64 bytes without control characters")
        }
        return slice
    }

    /// `message_type` or `device_type`.
    @inline(__always)
    package func typeName(_ field: Field) throws(FieldFault) -> StringSlice? {
        guard has(field), let slice = try string(field) else { return nil }
        guard slice.withBytes(TypeName.isValid) else {
            throw .badField("\"\(field.name)\" must be a string of 1 to 32 bytes without control characters")
        }
        return slice
    }

    /// A whole number from 0 up.
    @inline(__always)
    package func natural(_ field: Field) throws(FieldFault) -> UInt64? {
        guard has(field), let value = try value(field) else { return nil }
        guard value.kind == .number, let number = Self.natural(value.raw) else {
            throw .badField("\"\(field.name)\" must be a whole number from 0 to 9007199254740991")
        }
        return number
    }

    /// Digits only, up to 2^53 - 1, which every JSON reader holds exactly.
    private static func natural(_ raw: UnsafeRawBufferPointer) -> UInt64? {
        guard raw.count <= 16 else { return nil }
        var number: UInt64 = 0
        for digit in raw {
            guard digit &- 0x30 < 10 else { return nil }
            number = number * 10 + UInt64(digit - 0x30)
        }
        return number <= 9_007_199_254_740_991 ? number : nil
    }

    /// `limit`: 1…500, 100 when absent.
    package func limit() throws(FieldFault) -> Int {
        guard let number = try natural(.limit) else { return 100 }
        guard (1...500).contains(number) else { throw .badField("\"limit\" must be from 1 to 500") }
        return Int(number)
    }

    package func bool(_ field: Field) throws(FieldFault) -> Bool? {
        guard let value = try value(field) else { return nil }
        switch value.kind {
        case .true: return true
        case .false: return false
        default: throw .badField("\"\(field.name)\" must be true or false")
        }
    }

    /// A field that must be there.
    package func required<Value>(_ field: Field, _ value: Value?) throws(FieldFault) -> Value {
        guard let value else { throw .badField("\"\(field.name)\" is missing") }
        return value
    }
}
