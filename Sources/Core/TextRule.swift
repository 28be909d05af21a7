/// The rule that every short name and label of the contract shares: so many bytes, no control characters.
package enum TextRule {
    /// Whether the bytes are 1 to `byteCountMax` long and free of control characters (C0, DEL, C1).
    ///
    /// The bytes are UTF-8 that the caller has checked or goes on to check; other bytes give an answer too, but no
    /// meaning.
    package static func isPlain(_ bytes: UnsafeRawBufferPointer, byteCountMax: Int) -> Bool {
        guard (1...byteCountMax).contains(bytes.count) else { return false }
        var previous: UInt8 = 0
        for byte in bytes {
            if byte < 0x20 || byte == 0x7F {
                return false
            }
            // C1, U+0080–U+009F, is C2 80–C2 9F in UTF-8; C2 is never a continuation byte.
            if previous == 0xC2 && (0x80...0x9F).contains(byte) {
                return false
            }
            previous = byte
        }
        return true
    }
}

/// The rule for a client's message id, which is its idempotency key.
package enum MessageID {
    /// The longest id in bytes.
    package static let byteCountMax = 64

    /// The allowed values, as a sentence part for error messages.
    package static let rule = "1 to 64 bytes of UTF-8 without control characters"

    /// Whether the bytes (valid UTF-8, JSON escapes undone) may be a message id.
    package static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        TextRule.isPlain(bytes, byteCountMax: byteCountMax)
    }
}

/// The rule for `message_type` and `device_type`.
package enum TypeName {
    /// The longest type name in bytes.
    package static let byteCountMax = 32

    /// The allowed values, as a sentence part for error messages.
    package static let rule = "1 to 32 bytes of UTF-8 without control characters"

    /// Whether the bytes (valid UTF-8, JSON escapes undone) may be a type name.
    package static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        TextRule.isPlain(bytes, byteCountMax: byteCountMax)
    }
}
