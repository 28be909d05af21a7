import NetworkIO
import WireProtocol

/// Makes short names that do not repeat: random bits of this maker and a counter, in base 36.
struct NameMaker {
    let prefix: String
    private var counter: UInt64 = 0

    init() {
        let seed = Digest.random(count: 5).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        prefix = String(seed, radix: 36)
    }

    mutating func nextNumber() -> UInt64 {
        counter += 1
        return counter
    }

    /// At most 15 bytes for the first 60 million names, which a string holds without memory of its own.
    mutating func next() -> String {
        counter += 1
        return "\(prefix)-\(String(counter, radix: 36))"
    }

    /// The next name as bytes, without making a string.
    mutating func next(into bytes: inout ByteAccumulator) {
        counter += 1
        bytes.removeAll()
        var prefix = prefix
        prefix.withUTF8 { bytes.append(UnsafeRawBufferPointer($0)) }
        withUnsafeTemporaryAllocation(byteCount: 16, alignment: 1) { digits in
            var start = digits.count
            var rest = counter
            repeat {
                start -= 1
                let digit = UInt8(rest % 36)
                digits[start] = digit < 10 ? 0x30 + digit : 0x57 + digit
                rest /= 36
            } while rest > 0
            start -= 1
            digits[start] = UInt8(ascii: "-")
            bytes.append(UnsafeRawBufferPointer(rebasing: digits[start...]))
        }
    }
}
