/// Decides whether a token is good, and hands out what it says. A value; any thread.
package struct TokenVerifier: Sendable {
    /// By how much the clocks of this node and of the token's maker may differ, milliseconds.
    package static let leewayMilliseconds = 5_000

    package let keys: TokenKeys
    /// JWT_AUDIENCE: one of a token's `aud` must be this; nil: it does not matter.
    private let audience: String?
    /// JWT_ISSUER: a token's `iss` must be this; nil: it does not matter.
    private let issuer: String?

    package init(keys: TokenKeys, audience: String? = nil, issuer: String? = nil) {
        (self.keys, self.audience, self.issuer) = (keys, audience, issuer)
    }

    /// Checks everything of a token. Claims are not looked at before the signature is known to be good.
    ///
    /// Measured on one core, for a token of 200 bytes: see docs/decisions/0033-tokens.md.
    /// - Parameter now: Unix milliseconds.
    package func verify(_ token: [UInt8], at now: Int) throws(TokenFault) -> TokenClaims {
        let parts = try CompactToken(token)
        let candidates = try keys.candidates(try TokenHeader(parts.header))
        guard candidates.contains(where: { $0.verifies(parts.signature, of: parts.signed) }) else { throw .signature }
        let claims = try TokenClaims(parts.claims)
        guard now < claims.expiresAt + Self.leewayMilliseconds else { throw .expired }
        if let notBefore = claims.notBefore, now < notBefore - Self.leewayMilliseconds { throw .notYetValid }
        if let audience, !claims.audience.contains(where: { $0.utf8.elementsEqual(audience.utf8) }) { throw .audience }
        if let issuer, claims.issuer?.utf8.elementsEqual(issuer.utf8) != true { throw .issuer }
        return claims
    }
}
