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
