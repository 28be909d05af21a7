/// The name of a room, a user, a device or a node: valid UTF-8 that is compared, hashed and ordered as bytes.
///
/// Swift's own `String` equality is canonical equivalence, under which "é" in one code point equals "é" in two; the
/// contract says "compared as bytes", so two such names are two rooms here. As large as a `String` (16 bytes; up to
/// 15 bytes of text are held inline).
package struct Identifier: Sendable {
    /// The longest name in bytes.
    package static let byteCountMax = 128

    /// The allowed values, as a sentence part for error messages.
    package static let rule =
        "1 to 128 bytes of UTF-8 without control characters and without \"/\", and neither \".\" nor \"..\""

    /// The name as text. Do not compare it with `==`; compare identifiers.
    package let text: String

    /// A name from text that has been percent-decoded already, or nil if it breaks the rule.
    package init?(validating text: String) {
        var text = text
        guard text.withUTF8({ Self.isValid(UnsafeRawBufferPointer($0)) }) else { return nil }
        self.text = text
    }

    /// A name from raw bytes, or nil if they break the rule or are not valid UTF-8.
    package init?(validating bytes: UnsafeRawBufferPointer) {
        // The cheap check first: it bounds what the UTF-8 check has to read.
        guard Self.isValid(bytes), let text = String(validating: bytes, as: UTF8.self) else { return nil }
        self.text = text
    }

    /// A name that the server made or has checked before; that it keeps the rule is the caller's promise.
    package init(unchecked text: String) {
        var text = text
        text.makeContiguousUTF8()
        assert(text.withUTF8 { Self.isValid(UnsafeRawBufferPointer($0)) })
        self.text = text
    }

    /// The name's length in bytes, 1–128.
    package var byteCount: Int { text.utf8.count }

    /// Lends the name's bytes, for the duration of the call.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        // Every initialiser made the text contiguous. This way no reference to it is counted.
        let result = try text.utf8.withContiguousStorageIfAvailable { try body(UnsafeRawBufferPointer($0)) }
        return result.unsafelyUnwrapped
    }

    /// Whether bytes that are known to be, or will be checked as, UTF-8 keep the rule.
    private static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard TextRule.isPlain(bytes, byteCountMax: byteCountMax) else { return false }
        let dot = UInt8(ascii: ".")
        if bytes.count <= 2 && bytes.allSatisfy({ $0 == dot }) {
            return false
        }
        return !bytes.contains(UInt8(ascii: "/"))
    }
}

extension Identifier: Hashable {
    package static func == (left: Identifier, right: Identifier) -> Bool {
        left.withBytes { left in right.withBytes { right in ByteOrder.areEqual(left, right) } }
    }

    package func hash(into hasher: inout Hasher) {
        withBytes { hasher.combine(bytes: $0) }
        // No byte of UTF-8: two names in a row do not hash as another split of the same bytes.
        hasher.combine(0xFF as UInt8)
    }
}

extension Identifier: Comparable {
    package static func < (left: Identifier, right: Identifier) -> Bool {
        left.withBytes { left in right.withBytes { right in ByteOrder.precedes(left, right) } }
    }
}

extension Identifier: CustomStringConvertible {
    package var description: String { text }
}
