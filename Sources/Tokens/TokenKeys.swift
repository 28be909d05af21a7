/// The keys by which a node checks tokens. A value; any thread.
package struct TokenKeys: Sendable {
    /// Keys of one node; a token without `kid` is tried with all of its algorithm.
    package static let countMax = 32

    private struct Entry: Sendable {
        /// The key's name; nil: the key is for tokens with any `kid`, and for those without.
        let id: String?
        let key: TokenKey
    }

    private var entries: [Entry] = []

    package init() {}

    package mutating func add(_ secret: TokenSecret) { entries.append(Entry(id: nil, key: .secret(secret))) }
    mutating func add(_ key: PublicKey, id: String? = nil) { entries.append(Entry(id: id, key: .publicKey(key))) }

    package var count: Int { entries.count }

    /// Each key's algorithm and name, for people.
    package var descriptions: [String] {
        entries.map { entry in entry.key.algorithm.rawValue + (entry.id.map { " (kid \($0))" } ?? "") }
    }

    /// The keys that a token may be signed with.
    func candidates(_ header: TokenHeader) throws(TokenFault) -> [TokenKey] {
        let able = entries.filter { $0.key.algorithm == header.algorithm }
        guard !able.isEmpty else { throw .algorithm }
        guard let id = header.keyID else { return able.map(\.key) }
        // By their bytes: two texts that look alike are two names.
        let meant = able.filter { entry in entry.id.map { $0.utf8.elementsEqual(id.utf8) } ?? true }
        guard !meant.isEmpty else { throw .unknownKey }
        return meant.map(\.key)
    }
}
