/// Why a token is refused. No case carries a part of the token.
package enum TokenFault: Error, Equatable, Sendable, CaseIterable {
    case missing
    case tooLong
    /// Not three parts of base64url.
    case malformed
    /// The header is no JSON object with the members that it needs.
    case badHeader
    /// The claims are no JSON object, or one of them is not of its kind.
    case badClaims
    /// The header or the claims have a member twice: two readers could see two tokens in one.
    case repeatedMember
    /// The header asks for an extension that must be understood (RFC 7515 §4.1.11).
    case critical
    /// `alg` is `none`, not known, or one for which this node has no key.
    case algorithm
    /// `kid` names a key that this node does not have.
    case unknownKey
    case signature
    case noExpiry
    case expired
    case notYetValid
    case noSubject
    case audience
    case issuer

    /// A word for programs: the reason of a close.
    package var name: StaticString {
        switch self {
        case .missing: "token_missing"
        case .tooLong: "token_too_long"
        case .malformed: "token_malformed"
        case .badHeader: "token_bad_header"
        case .badClaims: "token_bad_claims"
        case .repeatedMember: "token_repeated_member"
        case .critical: "token_critical"
        case .algorithm: "token_algorithm"
        case .unknownKey: "token_unknown_key"
        case .signature: "token_signature"
        case .noExpiry: "token_no_exp"
        case .expired: "token_expired"
        case .notYetValid: "token_not_yet_valid"
        case .noSubject: "token_no_sub"
        case .audience: "token_audience"
        case .issuer: "token_issuer"
        }
    }

    /// A sentence for people.
    package var sentence: StaticString {
        switch self {
        case .missing: "there is no token"
        case .tooLong: "the token is longer than 8192 bytes"
        case .malformed: "the token is not three parts of base64url with dots between them"
        case .badHeader: "the token's header is not a JSON object with the strings alg and, if there, kid"
        case .badClaims:
            "the token's claims are not a JSON object, or sub, exp, nbf, aud, iss, rooms or rooms_read is not of its kind"
        case .repeatedMember: "the token's header or claims have a member more than once"
        case .critical: "the token's header has crit: it needs an extension that this node does not know"
        case .algorithm: "the token's alg is none, not known, or one for which this node has no key"
        case .unknownKey: "the token's kid names a key that this node does not have"
        case .signature: "the token's signature is not by a key of this node"
        case .noExpiry: "the token has no exp, which this node asks for"
        case .expired: "the token has expired"
        case .notYetValid: "the token is not valid yet (nbf)"
        case .noSubject: "the token has no sub, which names the user"
        case .audience: "the token's aud does not name this node's JWT_AUDIENCE"
        case .issuer: "the token's iss is not JWT_ISSUER"
        }
    }
}
