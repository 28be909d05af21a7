/// Compares what a request shows with `API_KEY`.
package struct APIKeyGate: Sendable {
    /// The key's bytes; never empty.
    private let key: [UInt8]

    /// A gate for this key, or nil for an empty one.
    package init?(key: String) {
        guard !key.isEmpty else { return nil }
        self.key = Array(key.utf8)
    }

    /// Whether the request shows the key, in either field.
    ///
    /// - Parameters:
    ///   - apiKey: the value of `X-API-Key`, nil when absent.
    ///   - authorization: the value of `Authorization`, nil when absent; counts as `Bearer` credentials only (RFC
    ///     6750 section 2.1).
    package func admits(apiKey: String?, authorization: String?) -> Bool {
        let byKey = apiKey.map { matches($0.utf8[...]) } ?? false
        let byBearer = authorization.flatMap(Self.bearerToken).map(matches) ?? false
        return byKey || byBearer
    }

    /// Takes as long for any candidate of one length, whatever it has in common with the key.
    private func matches(_ candidate: Substring.UTF8View) -> Bool {
        var difference = UInt(bitPattern: candidate.count ^ key.count)
        var index = 0
        for byte in candidate {
            difference |= UInt(byte ^ key[index])
            index = index + 1 == key.count ? 0 : index + 1
        }
        return difference == 0
    }

    /// The text behind the scheme `Bearer` (in any case) and its spaces; nil for other schemes.
    private static func bearerToken(in authorization: String) -> Substring.UTF8View? {
        let text = authorization.utf8
        let space = UInt8(ascii: " ")
        let scheme = text.prefix { $0 != space }
        guard scheme.elementsEqual("bearer".utf8, by: { $0 | 0x20 == $1 }), scheme.endIndex < text.endIndex else {
            return nil
        }
        return text[scheme.endIndex...].drop { $0 == space }
    }
}
