/// Checks that bytes which arrive in pieces are UTF-8, and fails at the first byte that can't be
/// (RFC 3629; RFC 6455 §8.1 lets an endpoint fail a connection before the message is complete).
package struct UTF8Validator: Sendable {
    /// Continuation bytes still due for the character that was begun.
    private var due: UInt8 = 0
    /// The range of the next continuation byte; narrower after E0, ED, F0 and F4.
    private var lower: UInt8 = 0x80
    private var upper: UInt8 = 0xBF

    package init() {}

    /// Whether the bytes so far end between two characters.
    package var isAtBoundary: Bool { due == 0 }

    /// Takes the next bytes; false when they can't be UTF-8, whatever follows.
    package mutating func consume(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress else { return true }
        let count = bytes.count
        var index = 0
        while index < count {
            if due == 0 {
                index = Self.skipASCII(base, from: index, to: count)
                if index == count { return true }
            }
            let byte = base.load(fromByteOffset: index, as: UInt8.self)
            index &+= 1
            if due > 0 {
                if byte < lower || byte > upper { return false }
                due &-= 1
                lower = 0x80
                upper = 0xBF
                continue
            }
            if !begin(byte) { return false }
        }
        return true
    }

    /// Whether `bytes` are UTF-8 as a whole.
    package static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var validator = UTF8Validator()
        return validator.consume(bytes) && validator.isAtBoundary
    }

    /// Takes a first byte (RFC 3629 §4).
    private mutating func begin(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x00...0x7F: return true
        case 0xC2...0xDF: due = 1
        case 0xE0: (due, lower) = (2, 0xA0)
        case 0xE1...0xEC, 0xEE...0xEF: due = 2
        case 0xED: (due, upper) = (2, 0x9F)
        case 0xF0: (due, lower) = (3, 0x90)
        case 0xF1...0xF3: due = 3
        case 0xF4: (due, upper) = (3, 0x8F)
        default: return false
        }
        return true
    }

    /// The index of the first byte at or behind `start` that is not ASCII, or `end`: 32 bytes at a time.
    @inline(__always)
    private static func skipASCII(_ base: UnsafeRawPointer, from start: Int, to end: Int) -> Int {
        var index = start
        while index &+ 32 <= end {
            let words = base.loadUnaligned(fromByteOffset: index, as: SIMD4<UInt64>.self)
            let all = words[0] | words[1] | words[2] | words[3]
            if all & 0x8080_8080_8080_8080 != 0 { break }
            index &+= 32
        }
        while index < end, base.load(fromByteOffset: index, as: UInt8.self) < 0x80 { index &+= 1 }
        return index
    }
}
