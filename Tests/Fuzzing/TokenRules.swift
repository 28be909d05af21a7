import Core
import Tokens

/// Tokens of strangers, and the files of an operator that check them. An input is a token, a file with keys, or a
/// header and claims with a line's end between them, which are signed here.
enum TokenRules {
    /// Unix milliseconds.
    private static let now = 1_700_000_000_000

    static func check(_ input: [UInt8]) throws {
        guard let secret = TokenSecret("a secret that no input knows"), let base = verifier(secret) else {
            throw FuzzViolation(description: "a secret that is refused")
        }
        try hold(claims(input, base) == nil, "a token that nobody has signed is good")
        try checkBase64URL(input)
        try checkKeys(input)
        let end = input.firstIndex(of: UInt8(ascii: "\n")) ?? input.startIndex
        let (header, body) = (Array(input[..<end]), Array(input[end...].dropFirst(end > input.startIndex ? 1 : 0)))
        let signer = TokenSigner(secret)
        let token = Array(signer.sign(header: header, claims: body).utf8)
        guard let claims = claims(token, base) else { return }
        try hold(token.count <= 8192, "a token of \(token.count) bytes is good")
        try hold(ReferenceJSON.read(header)?.isJSON != false, "a header that is no JSON is good")
        try hold(ReferenceJSON.read(body)?.isJSON != false, "claims that are no JSON are good")
        try hold(Identifier(validating: claims.user.text) == claims.user, "a user who is none: \(claims.user.text)")
        try hold((now - 5_000...253_402_300_799_000).contains(claims.expiresAt), "an end at \(claims.expiresAt)")
        let anew = TokenSigner.Request(user: claims.user, expiresAt: claims.expiresAt)
        let again = Self.claims(Array(signer.sign(anew).utf8), base)
        try hold(again?.user == claims.user && again?.expiresAt == claims.expiresAt, "a token, written anew")
    }

    private static func verifier(_ secret: TokenSecret) -> TokenVerifier? {
        var keys = TokenKeys()
        keys.add(secret)
        return TokenVerifier(keys: keys)
    }

    private static func claims(_ token: [UInt8], _ verifier: TokenVerifier) -> TokenClaims? {
        try? verifier.verify(token, at: now)
    }

    private static func checkBase64URL(_ input: [UInt8]) throws {
        try holdEqual(Base64URL.decode(Base64URL.encode(input)), input, "bytes as base64url, read again")
        guard let bytes = Base64URL.decode(input) else { return }
        try holdEqual(Base64URL.encode(bytes), input, "base64url, written anew")
    }

    private static func checkKeys(_ input: [UInt8]) throws {
        var keys = TokenKeys()
        do throws(KeyFile.Fault) { try KeyFile.add(input, to: &keys) } catch {
            return try hold(keys.count == 0 && !error.description.isEmpty, "a file that is refused leaves keys")
        }
        try hold((1...TokenKeys.countMax).contains(keys.count), "\(keys.count) keys")
        try hold(!keys.descriptions.contains { $0.hasPrefix("HS") }, "a public key that is a secret")
    }
}
