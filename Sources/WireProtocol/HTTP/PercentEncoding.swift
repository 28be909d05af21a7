/// Percent-decoding (RFC 3986 §2.1).
package enum PercentEncoding {
    /// The bytes that a text stands for; nil when a "%" is not followed by two hexadecimal digits.
    /// - Parameter plusIsSpace: as forms are encoded in a query; elsewhere "+" is itself.
    package static func decoded(_ input: UnsafeRawBufferPointer, plusIsSpace: Bool = false) -> [UInt8]? {
        var plain: [UInt8] = []
        plain.reserveCapacity(input.count)
        var index = 0
        while index < input.count {
            let byte = input[index]
            index &+= 1
            if byte == UInt8(ascii: "%") {
                guard input.count &- index >= 2,
                    let high = HTTPByte.hexValue(input[index]), let low = HTTPByte.hexValue(input[index &+ 1])
                else { return nil }
                plain.append(high &<< 4 | low)
                index &+= 2
            } else {
                plain.append(byte == UInt8(ascii: "+") && plusIsSpace ? HTTPByte.space : byte)
            }
        }
        return plain
    }

    /// The same as text; also nil when the result is not UTF-8. A text of visible ASCII without escapes costs one pass.
    static func decodedText(_ input: UnsafeRawBufferPointer, plusIsSpace: Bool) -> String? {
        func isEscape(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: "%") || byte == UInt8(ascii: "+") && plusIsSpace
        }
        guard input.contains(where: isEscape) else { return String(decoding: input, as: UTF8.self) }
        return decoded(input, plusIsSpace: plusIsSpace).flatMap { String(validating: $0, as: UTF8.self) }
    }
}
