/// Puts a short name together, piece by piece, in place: for names that are made for every connection, where joining
/// strings would cost more than all that is done with them.
package struct NameText {
    /// The longest name in bytes.
    package static let byteCountMax = 40

    private var bytes = InlineArray<40, UInt8>(repeating: 0)
    private var count = 0

    package init() {}

    /// Appends text.
    package mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { for byte in $0 { append(byte) } }
    }

    /// Appends a number in base 36, in lower case.
    package mutating func append(_ number: UInt64) {
        let start = count
        var rest = number
        repeat {
            let digit = UInt8(truncatingIfNeeded: rest % 36)
            append(digit < 10 ? 0x30 + digit : 0x57 + digit)
            rest /= 36
        } while rest > 0
        var (low, high) = (start, count - 1)
        while low < high {
            bytes.swapAt(low, high)
            low += 1
            high -= 1
        }
    }

    private mutating func append(_ byte: UInt8) {
        precondition(count < Self.byteCountMax, "a made name has at most \(Self.byteCountMax) bytes")
        bytes[count] = byte
        count += 1
    }

    /// The name. Up to 15 bytes it holds no memory of its own.
    package var text: String {
        String(unsafeUninitializedCapacity: count) { target in
            for index in 0..<count { target[index] = bytes[index] }
            return count
        }
    }

    /// Lends the name's bytes for the duration of the call.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        bytes.span.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
}
