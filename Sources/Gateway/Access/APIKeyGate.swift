/// Compares what a request shows with the keys of `API_KEY`.
package struct APIKeyGate: Sendable {
    /// The keys' bytes; none is empty.
    private let keys: [[UInt8]]

    /// A gate for these keys, or nil when there is none.
    package init?(keys: [String]) {
        guard !keys.isEmpty, keys.allSatisfy({ !$0.isEmpty }) else { return nil }
        self.keys = keys.map { Array($0.utf8) }
    }

    /// A request's claim to a key.
    package enum Showing: Sendable {
        case nothing
        case wrongKey
        case key
    }

    /// Looks for a key in either field.
    ///
    /// - Parameters:
    ///   - apiKey: the value of `X-API-Key`, nil when absent.
    ///   - authorization: the value of `Authorization`, nil when absent; counts as `Bearer` credentials only.
    package func showing(apiKey: String?, authorization: String?) -> Showing {
        let candidates = [apiKey?.utf8[...], authorization.flatMap(BearerCredentials.find)].compactMap { $0 }
        guard !candidates.isEmpty else { return .nothing }
        return candidates.reduce(false) { matches($1) || $0 } ? .key : .wrongKey
    }

    /// Whether the request shows a key.
    package func admits(apiKey: String?, authorization: String?) -> Bool {
        showing(apiKey: apiKey, authorization: authorization) == .key
    }

    /// Looks at every key, and takes as long for any candidate of one length, whatever it has in common with them.
    private func matches(_ candidate: Substring.UTF8View) -> Bool {
        keys.reduce(false) { found, key in Self.equals(candidate, key) || found }
    }

    private static func equals(_ candidate: Substring.UTF8View, _ key: [UInt8]) -> Bool {
        var difference = UInt(bitPattern: candidate.count ^ key.count)
        var index = 0
        for byte in candidate {
            difference |= UInt(byte ^ key[index])
            index = index + 1 == key.count ? 0 : index + 1
        }
        return difference == 0
    }
}
