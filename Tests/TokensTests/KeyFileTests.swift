import Testing

@testable import Tokens

@Suite("The file with public keys")
struct KeyFileTests {
    private func keys(_ text: String) throws(KeyFile.Fault) -> TokenKeys {
        var keys = TokenKeys()
        try KeyFile.add(Array(text.utf8), to: &keys)
        return keys
    }

    private func set(_ keys: String...) -> String { #"{"keys":["# + keys.joined(separator: ",") + "]}" }

    private static let rsa = "{\(TestKeys.rsa1Members),\"kid\":\"r\"}"
    private static let ec = "{\(TestKeys.ec1Members),\"kid\":\"e\"}"
    private static let ed = "{\(TestKeys.ed1Members)}"

    /// A point with its two numbers in the wrong order.
    private static let swapped = TestKeys.ec1Members.replacing(#""x":"#, with: #""z":"#)
        .replacing(#""y":"#, with: #""x":"#).replacing(#""z":"#, with: #""y":"#)

    private static let broken = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"

    @Test("PEM and JWKS hold the same keys; several stand in one file")
    func forms() throws {
        let pems = [TestKeys.rsa1Public, TestKeys.ec1Public, TestKeys.ed1Public].joined(separator: "\n# mine\n")
        for keys in [try keys(pems), try keys(set(Self.rsa, Self.ec, Self.ed))] {
            let verifier = TokenVerifier(keys: keys)
            for signer in [TestSigner.rsa, .ec, .ed] {
                #expect(TokenTests.verdict(signer.token(TokenTests.good), verifier) == nil, "\(signer.algorithm)")
            }
            #expect(TokenTests.verdict(TestSigner.hmac.token(TokenTests.good), verifier) == .algorithm)
        }
        #expect(try keys(set(Self.rsa, Self.ed)).descriptions == ["RS256 (kid r)", "EdDSA"])
    }

    @Test("A kid chooses among the keys of the token's algorithm; a key without one is for all")
    func keyIDs() throws {
        let verifier = TokenVerifier(keys: try keys(set(Self.rsa, Self.ec, Self.ed)))
        func verdict(_ signer: TestSigner, _ kid: String) -> TokenFault? {
            let header = "{\"alg\":\"\(signer.algorithm)\",\"kid\":\"\(kid)\"}"
            return TokenTests.verdict(signer.token(header: header, claims: TokenTests.good), verifier)
        }
        #expect(verdict(.rsa, "r") == nil && verdict(.ec, "e") == nil && verdict(.ed, "whatever") == nil)
        #expect(verdict(.rsa, "e") == .unknownKey && verdict(.rsa, "R") == .unknownKey)
        #expect(verdict(.rsa, "") == .unknownKey)
        #expect(verdict(.rsa, "../../dev/null") == .unknownKey && verdict(.otherRSA, "r") == .signature)
    }

    @Test("Keys for other uses and of other kinds are passed over")
    func passedOver() throws {
        let others = [
            #"{"kty":"EC","crv":"P-384","x":"AAAA","y":"AAAA"}"#, #"{"kty":"OKP","crv":"X25519","x":"AAAA"}"#,
            #"{"kty":"new"}"#, "{\(TestKeys.rsa1Members),\"use\":\"enc\"}",
            "{\(TestKeys.rsa1Members),\"alg\":\"RS512\"}",
        ]
        for other in others {
            #expect(try keys(set(other, Self.ed)).count == 1, "\(other)")
            #expect(throws: KeyFile.Fault.noKey) { try keys(set(other)) }
        }
    }

    @Test("A file of no use is refused with its reason")
    func refused() {
        let cases: [(String, KeyFile.Fault)] = [
            ("", .badJSON), ("hello", .badJSON), ("[]", .badJSON), ("{", .badJSON), ("{}", .badJSON),
            (#"{"keys":{}}"#, .badJSON), (#"{"keys":[],"keys":[]}"#, .badJSON), (#"{"keys":[]}"#, .noKey),
            (set("7"), .badKey(0)), (set(Self.ed, "{}"), .badKey(1)),
            (set(#"{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}"#), .badKey(0)),
            // Not on the curve.
            (set("{\(Self.swapped)}"), .badKey(0)),
            (set(#"{"kty":"RSA","n":"AQAB"}"#), .badKey(0)),
            (set(#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#), .rsaLength(bits: 17)),
            (set("{\(TestKeys.ed1Members),\"kid\":7}"), .badKey(0)),
            (set("{\(TestKeys.ed1Members),\"x\":\"AAAA\"}"), .badKey(0)),
            (set("{\(TestKeys.ed1Members),\"d\":\"AAAA\"}"), .secretKey),
            (set(#"{"kty":"oct","k":"AAAA"}"#), .secretKey),
            (TestKeys.rsa1Private, .secretKey), (TestKeys.rsa1Public + "\n" + TestKeys.ed1Private, .secretKey),
            (TestKeys.smallPublic, .rsaLength(bits: 1024)), (TestKeys.p384Public, .otherKind),
            (Self.broken, .badPEM), (TestKeys.ed1Public + "\n" + Self.broken, .badPEM),
            (Self.broken + "\n" + TestKeys.ed1Public, .badPEM),
            (TestKeys.ed1Public.replacing("-----END PUBLIC KEY-----", with: ""), .badPEM),
            (String(TestKeys.ed1Public.dropLast(30)) + "\n" + TestKeys.rsa1Public, .badPEM),
            (set(Self.ed, "{\(TestKeys.ed1Members),\"kid\":null}"), .badKey(1)),
            (set(Self.ed) + set(Self.ed), .badJSON), (set(Self.ed) + "x", .badJSON),
            (String(repeating: TestKeys.ed1Public + "\n", count: 33), .tooManyKeys),
        ]
        for (text, fault) in cases {
            #expect(throws: fault, "\(text.prefix(80))") { try keys(text) }
        }
        #expect((try? keys(String(repeating: TestKeys.ed1Public + "\n", count: 32)))?.count == 32)
    }
}
