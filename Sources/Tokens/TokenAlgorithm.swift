/// How a token is signed (RFC 7518 §3.1, RFC 8037 §3.1). Each key has exactly one of them.
package enum TokenAlgorithm: String, Sendable, CaseIterable {
    case hs256 = "HS256"
    case rs256 = "RS256"
    case es256 = "ES256"
    /// With Ed25519.
    case edDSA = "EdDSA"
}
