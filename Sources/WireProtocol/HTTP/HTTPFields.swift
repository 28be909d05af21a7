/// Where a part of a head stands in its bytes. 32 bits do: `HTTPLimits.headBytesMax` is at most 2^30.
struct HTTPSlice: Equatable, Sendable {
    let start: UInt32
    let end: UInt32

    @inline(__always)
    init(_ start: Int, _ end: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.end = UInt32(truncatingIfNeeded: end)
    }

    @inline(__always) var lower: Int { Int(start) }
    @inline(__always) var upper: Int { Int(end) }
    @inline(__always) var count: Int { Int(end) &- Int(start) }
}

/// One field line: its name, and its value without the blanks around it.
struct HTTPField: Equatable, Sendable {
    let name: HTTPSlice
    let value: HTTPSlice
}

/// A head as it was received, stored once, with the places of its field lines. Strings are made on demand.
struct HTTPFields: Sendable {
    /// The whole head with its start line.
    let bytes: [UInt8]
    /// In the order of the head.
    let lines: [HTTPField]

    /// The part's text; bytes that are not UTF-8 are replaced (field values may hold any byte from 0x80 on).
    func text(_ slice: HTTPSlice) -> String {
        String(decoding: bytes[slice.lower..<slice.upper], as: UTF8.self)
    }

    /// How many lines have this name; `lowercasedName` must be in lower case.
    func count(of lowercasedName: StaticString) -> Int {
        lines.reduce(0) { $0 + (isNamed($1, lowercasedName) ? 1 : 0) }
    }

    /// The value; several of one name are joined by ", " (RFC 9110 §5.2). Nil when there is none.
    func joined(_ lowercasedName: StaticString) -> String? {
        var result: String?
        for line in lines where isNamed(line, lowercasedName) {
            if let former = result {
                result = former + ", " + text(line.value)
            } else {
                result = text(line.value)
            }
        }
        return result
    }

    /// Whether a comma-separated list (RFC 9110 §5.6.1) has the token, over all lines of that name, ASCII case ignored.
    func hasToken(_ lowercasedName: StaticString, _ token: StaticString) -> Bool {
        lines.contains { isNamed($0, lowercasedName) && listHas(token, in: $0.value) }
    }

    @inline(__always)
    private func isNamed(_ line: HTTPField, _ lowercasedName: StaticString) -> Bool {
        line.name.count == lowercasedName.utf8CodeUnitCount && equals(line.name, lowercasedName)
    }

    /// Whether the slice is this text but for ASCII case.
    func equals(_ slice: HTTPSlice, _ lowercased: StaticString) -> Bool {
        bytes.withUnsafeBytes { HTTPByte.equalsIgnoringCase($0, slice.lower, slice.upper, lowercased) }
    }

    func isAuthority(_ slice: HTTPSlice) -> Bool {
        bytes.withUnsafeBytes { HTTPAuthority.isValid($0, slice.lower, slice.upper) }
    }

    /// Whether the comma-separated list in the slice has the token, ASCII case ignored.
    func listHas(_ token: StaticString, in slice: HTTPSlice) -> Bool {
        var start = slice.lower
        while start <= slice.upper {
            var end = start
            while end < slice.upper && bytes[end] != UInt8(ascii: ",") { end &+= 1 }
            var (first, last) = (start, end)
            while first < last && HTTPByte.isBlank(bytes[first]) { first &+= 1 }
            while last > first && HTTPByte.isBlank(bytes[last &- 1]) { last &-= 1 }
            if equals(HTTPSlice(first, last), token) { return true }
            start = end &+ 1
        }
        return false
    }

    /// Without the blanks at both ends.
    static func trimmed(_ element: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var element = element
        while let first = element.first, HTTPByte.isBlank(first) { element.removeFirst() }
        while let last = element.last, HTTPByte.isBlank(last) { element.removeLast() }
        return element
    }
}
