/// Percent-decoding of visible ASCII (RFC 3986 §2.1).
enum HTTPPercent {
    /// Nil when a "%" is not followed by two hexadecimal digits, or when the result is not UTF-8.
    /// `plusIsSpace`: as forms are encoded in a query; in a path "+" is itself.
    static func decoded(
        _ input: UnsafeRawBufferPointer, _ start: Int, _ end: Int, plusIsSpace: Bool
    ) -> String? {
        var index = start
        while index < end {
            let byte = input[index]
            if byte == UInt8(ascii: "%") || byte == UInt8(ascii: "+") && plusIsSpace { break }
            index &+= 1
        }
        if index == end { return String(decoding: input[start..<end], as: UTF8.self) }
        var plain: [UInt8] = []
        plain.reserveCapacity(end &- start)
        plain.append(contentsOf: input[start..<index])
        while index < end {
            let byte = input[index]
            index &+= 1
            if byte == UInt8(ascii: "%") {
                guard end &- index >= 2,
                    let high = HTTPByte.hexValue(input[index]), let low = HTTPByte.hexValue(input[index &+ 1])
                else { return nil }
                plain.append(high &<< 4 | low)
                index &+= 2
            } else {
                plain.append(byte == UInt8(ascii: "+") && plusIsSpace ? HTTPByte.space : byte)
            }
        }
        return String(validating: plain, as: UTF8.self)
    }
}

/// host[:port] of RFC 3986 §3.2, without user information.
enum HTTPAuthority {
    /// A registered name or IPv4 address (percent-encoding well-formed), or an IPv6 address in brackets; a port of
    /// 0…65535 may follow, or a colon alone. An empty host is well-formed here only with nothing after it.
    static func isValid(_ input: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Bool {
        var index = start
        if index < end && input[index] == UInt8(ascii: "[") {
            index &+= 1
            while index < end, HTTPByte.hexValue(input[index]) != nil || input[index] == 0x3A || input[index] == 0x2E {
                index &+= 1
            }
            guard index < end, input[index] == UInt8(ascii: "]"), index &- start > 2 else { return false }
            index &+= 1
        } else {
            while index < end {
                if input[index] == UInt8(ascii: "%") {
                    guard end &- index > 2, HTTPByte.hexValue(input[index &+ 1]) != nil,
                        HTTPByte.hexValue(input[index &+ 2]) != nil
                    else { return false }
                    index &+= 3
                } else if HTTPByte.isRegisteredName(input[index]) {
                    index &+= 1
                } else {
                    break
                }
            }
            guard index > start || index == end else { return false }
        }
        return index == end || isPort(input, index, end)
    }

    private static func isPort(_ input: UnsafeRawBufferPointer, _ colon: Int, _ end: Int) -> Bool {
        guard input[colon] == UInt8(ascii: ":"), end &- colon <= 6 else { return false }
        var port = 0
        for index in colon &+ 1..<end {
            guard HTTPByte.isDigit(input[index]) else { return false }
            port = port &* 10 &+ Int(input[index] &- 0x30)
        }
        return port <= 65_535
    }
}
