/// A whole request with its body. Strings of its head are made when they are asked for.
package struct HTTPRequest: Sendable {
    package let method: HTTPMethod
    /// Percent-decoded once, split at each raw "/": "/" is [], "/a/" is ["a", ""], "//" is ["", ""]. A segment may hold
    /// any character, "/" too. Empty for OPTIONS * and CONNECT.
    package let path: [String]
    /// Decoded, in the order of the target; "+" is a space; a name without "=" has an empty value.
    package let query: [(name: String, value: String)]
    /// 0 or 1; later versions of HTTP/1 count as 1.
    package let minorVersion: Int
    /// False when the connection must end after the response (RFC 9112 §9.3).
    package let keepsAlive: Bool
    /// Whether a body follows the head, or has followed it.
    package let hasBody: Bool
    /// Without its chunking; at most `HTTPLimits.bodyBytesMax` bytes.
    package internal(set) var body: [UInt8] = []

    let fields: HTTPFields
    private let targetSlice: HTTPSlice
    private let hostSlice: HTTPSlice?

    init(_ line: HTTPRequestLine, _ fields: HTTPFields, _ framing: HTTPFraming) {
        method = line.method
        path = line.target.path
        query = line.target.query
        minorVersion = line.minorVersion
        keepsAlive = framing.keepsAlive
        hasBody = framing.body != .length(0)
        self.fields = fields
        targetSlice = line.slice
        hostSlice = line.target.authority ?? framing.host
    }

    /// The request target as sent.
    package var target: String { fields.text(targetSlice) }

    /// host or host:port: of an absolute target, else of the Host header (RFC 9112 §3.2.2). Nil in HTTP/1.0 without
    /// one.
    package var host: String? { hostSlice.map(fields.text) }

    /// The first value of that name in the query.
    package func queryValue(_ name: String) -> String? {
        query.first { $0.name == name }?.value
    }

    /// How often the name stands in the query.
    package func queryCount(_ name: String) -> Int {
        query.reduce(0) { $0 + ($1.name == name ? 1 : 0) }
    }

    /// The header's value without blanks around it; several of one name are joined by ", ". Bytes that are not UTF-8
    /// are replaced. `lowercasedName` must be in lower case.
    package func header(_ lowercasedName: StaticString) -> String? {
        fields.joined(lowercasedName)
    }

    /// How many lines of that name the head has.
    package func headerCount(_ lowercasedName: StaticString) -> Int {
        fields.count(of: lowercasedName)
    }

    /// Whether the comma-separated list, over all lines of that name, has the token; ASCII case is ignored; `token`
    /// must be in lower case, too.
    package func headerHasToken(_ lowercasedName: StaticString, _ token: StaticString) -> Bool {
        fields.hasToken(lowercasedName, token)
    }

    /// Whether `Accept` names just this media type, with whatever parameters (RFC 9110 §12.5.1); it must be in lower
    /// case. A wildcard does not name it.
    package func accepts(_ mediaType: String) -> Bool {
        guard let value = header("accept") else { return false }
        return value.utf8.split(separator: UInt8(ascii: ",")).contains { range in
            let essence = range.prefix { $0 != UInt8(ascii: ";") }.map(HTTPByte.lowercased)
            return HTTPFields.trimmed(essence[...]).elementsEqual(mediaType.utf8)
        }
    }

    /// Whether `Accept-Encoding` allows gzip (RFC 9110 §12.5.3): it is there, or "*", with a weight over 0.
    package var acceptsGzip: Bool {
        guard let value = header("accept-encoding") else { return false }
        var wildcard = false
        for item in value.utf8.split(separator: UInt8(ascii: ",")) {
            let parts = item.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false).map {
                HTTPFields.trimmed($0.map(HTTPByte.lowercased)[...])
            }
            let isRefused = parts.dropFirst().contains { part in
                part.starts(with: "q=".utf8) && part.dropFirst(2).allSatisfy { $0 == 0x30 || $0 == 0x2E }
            }
            if parts[0].elementsEqual("gzip".utf8) { return !isRefused }
            if parts[0].elementsEqual("*".utf8) { wildcard = !isRefused }
        }
        return wildcard
    }

    /// Whether `If-None-Match` has this entity tag, which is quoted, or "*" (RFC 9110 §13.1.2: compared weakly).
    package func knows(entityTag: String) -> Bool {
        guard let value = header("if-none-match") else { return false }
        return value.utf8.split(separator: UInt8(ascii: ",")).contains { item in
            let tag = HTTPFields.trimmed(item)
            let opaque = tag.starts(with: "W/".utf8) ? tag.dropFirst(2) : tag
            return opaque.elementsEqual(entityTag.utf8) || opaque.elementsEqual("*".utf8)
        }
    }

    /// The content type in lower case without its parameters (RFC 9110 §8.3.1), e.g. "application/json".
    package var mediaType: String? {
        guard let value = header("content-type") else { return nil }
        let essence = value.utf8.prefix { $0 != UInt8(ascii: ";") }.map(HTTPByte.lowercased)
        return String(decoding: HTTPFields.trimmed(essence[...]), as: UTF8.self)
    }
}
