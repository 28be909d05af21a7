/// The file of JWT_PUBLIC_KEY_FILE: public keys in PEM (`-----BEGIN PUBLIC KEY-----`), or a JWKS (RFC 7517 §5).
package enum KeyFile {
    /// Why a file is of no use; without a part of the file.
    package enum Fault: Error, Equatable, Sendable, CustomStringConvertible {
        case noKey
        case tooManyKeys
        /// It has something secret in it, which has no business on a machine that only checks.
        case secretKey
        case badJSON
        /// The member of `keys` at this place, counted from 0.
        case badKey(Int)
        case rsaLength(bits: Int)
        case otherKind
        /// A part that begins as PEM is no public key.
        case badPEM

        package var description: String {
            switch self {
            case .noKey: "it has no key for RS256, ES256 or EdDSA"
            case .tooManyKeys: "it has more than \(TokenKeys.countMax) keys"
            case .secretKey: "it has a private or symmetric key; put only the public one there"
            case .badJSON: "it is neither PEM nor a JSON object with an array keys (JWKS)"
            case .badKey(let place): "keys[\(place)] is broken"
            case .rsaLength(let bits): "it has an RSA key of \(bits) bits; allowed are 2048 to 8192"
            case .otherKind: "it has a key of another kind than RSA, P-256 and Ed25519"
            case .badPEM: "a part of it begins as PEM and is no public key (-----BEGIN PUBLIC KEY-----)"
            }
        }
    }

    /// Adds the keys of a file's text.
    package static func add(_ text: [UInt8], to keys: inout TokenKeys) throws(Fault) {
        var added = keys
        if text.first(where: { !isBlank($0) }) == UInt8(ascii: "{") {
            for key in try JSONWebKeys.read(text) { added.add(key.key, id: key.id) }
        } else {
            try addPEM(text, to: &added)
        }
        guard added.count > keys.count else { throw .noKey }
        guard added.count <= TokenKeys.countMax else { throw .tooManyKeys }
        keys = added
    }

    private static func addPEM(_ text: [UInt8], to keys: inout TokenKeys) throws(Fault) {
        let words = String(decoding: text, as: UTF8.self)
        guard !words.contains("PRIVATE KEY-----") else { throw .secretKey }
        guard words.contains("-----BEGIN ") else { throw .badJSON }
        let found: [PublicKey]
        do throws(PublicKey.Fault) { found = try PublicKey.keys(ofPEM: text) } catch .rsaLength(let bits) {
            throw .rsaLength(bits: bits)
        } catch { throw .otherKind }
        // A key that is passed over in silence would be missed when tokens are signed with it.
        guard found.count == words.ranges(of: "-----BEGIN ").count else { throw .badPEM }
        for key in found { keys.add(key) }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
