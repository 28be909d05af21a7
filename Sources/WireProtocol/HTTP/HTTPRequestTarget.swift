/// A request target taken apart (RFC 9112 §3.2) and percent-decoded once (RFC 3986 §2.1).
struct HTTPRequestTarget: Sendable {
    /// Split at each raw "/"; "/" alone has none, a trailing slash gives a last empty one. `..` is a segment like any.
    let path: [String]
    let query: [(name: String, value: String)]
    /// host[:port] of the absolute form.
    let authority: HTTPSlice?

    init(_ input: UnsafeRawBufferPointer, _ slice: HTTPSlice, _ method: HTTPMethod) throws(HTTPFailure) {
        for index in slice.lower..<slice.upper where input[index] &- 0x21 > 0x5D || input[index] == 0x23 {
            throw input[index] == 0x23
                ? .badRequest("a fragment in the request target: leave out what follows the #")
                : .badRequest("a character in the request target that must be percent-encoded")
        }
        if input[slice.lower] == UInt8(ascii: "/") {
            authority = nil
            (path, query) = try HTTPRequestTarget.pathAndQuery(input, slice.lower, slice.upper)
            return
        }
        if method == .connect {
            guard HTTPAuthority.isValid(input, slice.lower, slice.upper) else {
                throw .badRequest("a malformed target of CONNECT: host:port is expected")
            }
            (path, query, authority) = ([], [], nil)
            return
        }
        if slice.count == 1 && input[slice.lower] == UInt8(ascii: "*") {
            guard method == .options else { throw .badRequest("the target * is for OPTIONS only") }
            (path, query, authority) = ([], [], nil)
            return
        }
        guard let start = HTTPRequestTarget.authorityStart(input, slice) else {
            throw .badRequest("a malformed request target: it begins with / or http://")
        }
        var end = start
        while end < slice.upper && input[end] != UInt8(ascii: "/") && input[end] != UInt8(ascii: "?") { end &+= 1 }
        guard end > start, HTTPAuthority.isValid(input, start, end) else {
            throw .badRequest("a malformed host in the request target: host or host:port is expected")
        }
        authority = HTTPSlice(start, end)
        (path, query) = try HTTPRequestTarget.pathAndQuery(input, end, slice.upper)
    }

    /// Where the authority begins after "http://" or "https://", in any case.
    private static func authorityStart(_ input: UnsafeRawBufferPointer, _ slice: HTTPSlice) -> Int? {
        let start = slice.lower
        if slice.count > 7, HTTPByte.equalsIgnoringCase(input, start, start &+ 7, "http://") { return start &+ 7 }
        if slice.count > 8, HTTPByte.equalsIgnoringCase(input, start, start &+ 8, "https://") { return start &+ 8 }
        return nil
    }

    /// `start` is at "/", "?" or `end`.
    private static func pathAndQuery(
        _ input: UnsafeRawBufferPointer, _ start: Int, _ end: Int
    ) throws(HTTPFailure) -> (path: [String], query: [(name: String, value: String)]) {
        var pathEnd = start
        while pathEnd < end && input[pathEnd] != UInt8(ascii: "?") { pathEnd &+= 1 }
        var path: [String] = []
        if pathEnd &- start > 1 {
            path.reserveCapacity(4)
            var segmentStart = start &+ 1
            for index in segmentStart...pathEnd where index == pathEnd || input[index] == UInt8(ascii: "/") {
                path.append(try decoded(input, segmentStart, index, inQuery: false))
                segmentStart = index &+ 1
            }
        }
        var query: [(name: String, value: String)] = []
        guard pathEnd < end else { return (path, query) }
        var pairStart = pathEnd &+ 1
        var equals: Int?
        for index in pairStart...end {
            if index < end && input[index] != UInt8(ascii: "&") {
                if equals == nil && input[index] == UInt8(ascii: "=") { equals = index }
                continue
            }
            if index > pairStart {
                let name = try decoded(input, pairStart, equals ?? index, inQuery: true)
                let value = try decoded(input, equals.map { $0 &+ 1 } ?? index, index, inQuery: true)
                query.append((name, value))
            }
            pairStart = index &+ 1
            equals = nil
        }
        return (path, query)
    }

    private static func decoded(
        _ input: UnsafeRawBufferPointer, _ start: Int, _ end: Int, inQuery: Bool
    ) throws(HTTPFailure) -> String {
        guard
            let text = PercentEncoding.decodedText(
                UnsafeRawBufferPointer(rebasing: input[start..<end]), plusIsSpace: inQuery)
        else {
            throw inQuery
                ? .badRequest("malformed percent-encoding in the query: %XX of UTF-8 is expected")
                : .badRequest("malformed percent-encoding in the path: %XX of UTF-8 is expected")
        }
        return text
    }
}
