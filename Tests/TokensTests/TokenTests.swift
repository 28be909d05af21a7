import Core
import Testing

@testable import Tokens

/// One token, and what becomes of it.
struct TokenCase: CustomTestStringConvertible, Sendable {
    let name: String
    let token: String
    /// nil: it is good.
    let fault: TokenFault?

    var testDescription: String { name }
}

@Suite("Tokens, good ones and bad ones")
struct TokenTests {
    /// Unix milliseconds.
    static let now = 1_700_000_000_000
    static let good = #"{"sub":"ann","exp":1700000060}"#

    static func verifier(audience: String? = nil, issuer: String? = nil) throws -> TokenVerifier {
        var keys = TokenKeys()
        keys.add(try #require(TokenSecret(TestSigner.secret)))
        for pem in [TestKeys.rsa1Public, TestKeys.ec1Public, TestKeys.ed1Public] {
            try KeyFile.add(Array(pem.utf8), to: &keys)
        }
        return TokenVerifier(keys: keys, audience: audience, issuer: issuer)
    }

    static func verdict(_ token: String, _ verifier: TokenVerifier, at now: Int = Self.now) -> TokenFault? {
        do throws(TokenFault) {
            _ = try verifier.verify(Array(token.utf8), at: now)
            return nil
        } catch {
            return error
        }
    }

    private static let signers: [TestSigner] = [.hmac, .rsa, .ec, .ed]

    /// Claims by what becomes of them.
    private static let claims: [(String, TokenFault?)] = [
        (good, nil),
        (#" { "exp" : 1700000060 , "sub" : "ann" } "#, nil),
        (#"{"sub":"\u0061nn","exp":1700000060,"more":{"sub":"bob","deep":[1,{}]}}"#, nil),
        (#"{"sub":"ann","exp":1699999996}"#, nil),
        (#"{"sub":"ann","exp":1699999995}"#, .expired),
        (#"{"sub":"ann","exp":0}"#, .expired),
        (#"{"sub":"ann","exp":253402300799}"#, nil),
        (#"{"sub":"ann","exp":253402300800}"#, .badClaims),
        (#"{"sub":"ann","exp":1700000060000}"#, .badClaims),
        (#"{"sub":"ann","exp":99999999999999999999}"#, .badClaims),
        (#"{"sub":"ann","exp":9007199254740993}"#, .badClaims),
        (#"{"sub":"ann","exp":-1}"#, .badClaims),
        (#"{"sub":"ann","exp":1700000060.0}"#, nil),
        (#"{"sub":"ann","exp":1700000060.5}"#, nil),
        (#"{"sub":"ann","exp":1699999995.0009}"#, .expired),
        (#"{"sub":"ann","exp":1699999995.001}"#, nil),
        (#"{"sub":"ann","exp":253402300799.5}"#, .badClaims),
        (#"{"sub":"ann","exp":1700000060.5e1}"#, .badClaims),
        (#"{"sub":"ann","exp":-0.5}"#, .badClaims),
        (#"{"sub":"ann","exp":1.7e9}"#, .badClaims),
        (#"{"sub":"ann","exp":"1700000060"}"#, .badClaims),
        (#"{"sub":"ann","exp":null}"#, .badClaims),
        (#"{"sub":"ann","exp":[1700000060]}"#, .badClaims),
        (#"{"sub":"ann"}"#, .noExpiry),
        (#"{"sub":"ann","exp":1700000060,"exp":1800000000}"#, .repeatedMember),
        (#"{"sub":"ann","sub":"ann","exp":1700000060}"#, .repeatedMember),
        (#"{"sub":"ann","\u0073ub":"bob","exp":1700000060}"#, .repeatedMember),
        (#"{"sub":"ann","exp":1700000060,"x":1,"x":1}"#, .repeatedMember),
        (#"{"exp":1700000060}"#, .noSubject),
        (#"{"sub":"","exp":1700000060}"#, .badClaims),
        (#"{"sub":"a/b","exp":1700000060}"#, .badClaims),
        (#"{"sub":"a\u0000","exp":1700000060}"#, .badClaims),
        (#"{"sub":"..","exp":1700000060}"#, .badClaims),
        (#"{"sub":7,"exp":1700000060}"#, .badClaims),
        (#"{"sub":["ann"],"exp":1700000060}"#, .badClaims),
        (#"{"sub":"\ud800","exp":1700000060}"#, .badClaims),
        (#"{"sub":"ann","exp":1700000060,"nbf":1700000005}"#, nil),
        (#"{"sub":"ann","exp":1700000060,"nbf":1700000006}"#, .notYetValid),
        (#"{"sub":"ann","exp":1700000060,"nbf":"0"}"#, .badClaims),
        (#"{"sub":"ann","exp":1700000060,"nbf":0.5}"#, nil),
        (#"{"sub":"ann","exp":1700000060,"nbf":1700000005.001}"#, .notYetValid),
        (#"{"sub":"ann","exp":1700000060,"nbf":-5}"#, .badClaims),
        (#"{"sub":"ann","exp":1700000060,"iat":"whenever"}"#, nil),
        (#"{"sub":"ann","exp":1700000060,"rooms":[]}"#, nil),
        (#"{"sub":"ann","exp":1700000060,"rooms":["a","b-*","*"],"rooms_read":["c"]}"#, nil),
        (#"{"sub":"ann","exp":1700000060,"rooms":"a"}"#, .badClaims),
        (#"{"sub":"ann","exp":1700000060,"rooms":null}"#, .badClaims),
        (#"{"sub":"ann","exp":1700000060,"rooms":{"a":1}}"#, .badClaims),
        (#"{"sub":"ann","exp":1700000060,"rooms":[1]}"#, .badClaims),
        (#"{"sub":"ann","exp":1700000060,"rooms":["a",["b"]]}"#, .badClaims),
        (#"{"sub":"ann","exp":1700000060,"rooms":[""]}"#, .badClaims),
        (#"{"sub":"ann","exp":1700000060,"rooms":["a/*"]}"#, .badClaims),
        (#"{"sub":"ann","exp":1700000060,"rooms_read":["a/b"]}"#, .badClaims),
        (#"{"sub":"ann","exp":1700000060,"rooms_read":true}"#, .badClaims),
        (#"{"sub":"ann","exp":1700000060,"aud":7}"#, .badClaims),
        (#"{"sub":"ann","exp":1700000060,"aud":["a",7]}"#, .badClaims),
        (#"{"sub":"ann","exp":1700000060,"iss":["me"]}"#, .badClaims),
        (#"["sub","ann"]"#, .badClaims),
        (#""ann""#, .badClaims),
        ("", .badClaims),
        ("{", .badClaims),
        (#"{"sub":"ann","exp":1700000060}x"#, .badClaims),
        (#"{"sub":"ann","exp":1700000060,}"#, .badClaims),
        (#"{"sub":"ann","exp":01700000060}"#, .badClaims),
        (#"{'sub':'ann','exp':1700000060}"#, .badClaims),
        (
            #"{"sub":"ann","exp":1700000060,"deep":"#
                + String(repeating: "[", count: 70) + String(repeating: "]", count: 70) + "}", .badClaims
        ),
    ]

    /// Headers by what becomes of them, signed as HS256.
    private static let headers: [(String, TokenFault?)] = [
        (#"{"alg":"HS256","typ":"JWT"}"#, nil),
        (#"{"alg":"HS256","kid":"any"}"#, nil),
        (#"{"\u0061lg":"HS256"}"#, nil),
        (#"{"alg":"HS256","jku":"https://evil.example/keys","jwk":{"kty":"oct","k":"AAAA"},"x5u":"x"}"#, nil),
        (#"{"alg":"none"}"#, .algorithm),
        (#"{"alg":"None"}"#, .algorithm),
        (#"{"alg":"NONE"}"#, .algorithm),
        (#"{"alg":"nOnE"}"#, .algorithm),
        (#"{"alg":""}"#, .algorithm),
        (#"{"alg":"hs256"}"#, .algorithm),
        (#"{"alg":"HS256 "}"#, .algorithm),
        (#"{"alg":"HS384"}"#, .algorithm),
        (#"{"alg":"HS512"}"#, .algorithm),
        (#"{"alg":"RS384"}"#, .algorithm),
        (#"{"alg":"PS256"}"#, .algorithm),
        (#"{"alg":"ES384"}"#, .algorithm),
        (#"{"alg":"ES256K"}"#, .algorithm),
        (#"{"alg":"Ed25519"}"#, .algorithm),
        (#"{"alg":"RS256"}"#, .signature),
        (#"{"alg":"ES256"}"#, .signature),
        (#"{"alg":"EdDSA"}"#, .signature),
        (#"{"alg":["HS256"]}"#, .badHeader),
        (#"{"alg":null}"#, .badHeader),
        (#"{"alg":256}"#, .badHeader),
        (#"{"typ":"JWT"}"#, .badHeader),
        (#"{}"#, .badHeader),
        ("", .badHeader),
        (#"["alg"]"#, .badHeader),
        (#"{"alg":"HS256""#, .badHeader),
        (#"{"alg":"HS256"} {}"#, .badHeader),
        (#"{"alg":"HS256","kid":7}"#, .badHeader),
        (#"{"alg":"HS256","kid":null}"#, .badHeader),
        (#"{"alg":"HS256","kid":["a"]}"#, .badHeader),
        (#"{"alg":"HS256","alg":"HS256"}"#, .repeatedMember),
        (#"{"alg":"none","alg":"HS256"}"#, .repeatedMember),
        (#"{"alg":"HS256","\u0061lg":"none"}"#, .repeatedMember),
        (#"{"alg":"HS256","kid":"a","kid":"b"}"#, .repeatedMember),
        (#"{"alg":"HS256","crit":["exp"],"exp":1}"#, .critical),
        (#"{"alg":"HS256","crit":[]}"#, .critical),
        (#"{"alg":"HS256","crit":null}"#, .critical),
        (#"{"alg":"HS256","b64":false,"crit":["b64"]}"#, .critical),
    ]

    /// Texts that are no token, or one that somebody has worked at.
    private static let texts: [(String, String, TokenFault?)] = {
        let token = TestSigner.hmac.token(good)
        let parts = token.split(separator: ".").map(String.init)
        let bytes = Array(parts[2].utf8)
        let flipped = String(decoding: [bytes[0] == 65 ? 66 : 65] + bytes.dropFirst(), as: UTF8.self)
        return [
            ("nothing", "", .missing), ("a dot", ".", .malformed), ("two dots", "..", .badHeader),
            ("a word", "token", .malformed), ("two parts", "\(parts[0]).\(parts[1])", .malformed),
            ("four parts", token + ".", .malformed), ("five parts", "a.b.c.d.e", .malformed),
            ("no signature", "\(parts[0]).\(parts[1]).", .signature),
            ("half a signature", "\(parts[0]).\(parts[1]).\(parts[2].prefix(20))", .signature),
            ("a longer signature", token + "AAAA", .signature),
            ("a changed signature", "\(parts[0]).\(parts[1]).\(flipped)", .signature),
            ("padding", token + "=", .malformed), ("a blank behind", token + " ", .malformed),
            ("a blank before", " " + token, .malformed), ("a line's end", token + "\n", .malformed),
            ("plus", "\(parts[0]).\(parts[1]).+\(parts[2].dropFirst())", .malformed),
            ("slash", "\(parts[0]).\(parts[1])./\(parts[2].dropFirst())", .malformed),
            ("a byte that is no ASCII", "\(parts[0]).\(parts[1]).é", .malformed),
            ("a lone digit", "\(parts[0]).\(parts[1]).A", .malformed),
            ("bits behind the last byte", "\(parts[0]).\(parts[1]).AB", .malformed),
            ("other claims", "\(parts[0]).\(TestSigner.text(#"{"sub":"bob"}"#)).\(parts[2])", .signature),
            ("another header", "\(TestSigner.text(#"{"alg":"HS256","x":1}"#)).\(parts[1]).\(parts[2])", .signature),
            ("none without a signature", "\(TestSigner.text(#"{"alg":"none"}"#)).\(parts[1]).", .algorithm),
            ("HS256 by another secret", TestSigner.otherHMAC.token(good), .signature),
            ("RS256 by another key", TestSigner.otherRSA.token(good), .signature),
            ("ES256 by another key", TestSigner.otherEC.token(good), .signature),
            ("EdDSA by another key", TestSigner.otherEd.token(good), .signature),
            ("RS256 that is ES256", TestSigner.rsa.token(header: #"{"alg":"ES256"}"#, claims: good), .signature),
            ("ES256 that is RS256", TestSigner.ec.token(header: #"{"alg":"RS256"}"#, claims: good), .signature),
            ("EdDSA that is HS256", TestSigner.ed.token(header: #"{"alg":"HS256"}"#, claims: good), .signature),
            ("8192 bytes", padded(to: 8192), nil), ("8193 bytes", padded(to: 8193), .tooLong),
            ("a megabyte", String(repeating: "A", count: 1_000_000), .tooLong),
            ("a brace", "{}", .malformed), ("JSON", #"{"sub":"ann"}.{}.{}"#, .malformed),
        ]
    }()

    /// A good token of so many bytes.
    private static func padded(to count: Int) -> String {
        for header in [#"{"alg":"HS256"}"#, #"{"alg":"HS256"} "#, #"{"alg":"HS256"}  "#] {
            for length in stride(from: count * 3 / 4 - 150, to: count * 3 / 4, by: 1) {
                let pad = String(repeating: "x", count: length)
                let claims = #"{"sub":"ann","exp":1700000060,"pad":""# + pad + #""}"#
                let size = (header.utf8.count * 4 + 2) / 3 + (claims.utf8.count * 4 + 2) / 3 + 45
                if size == count { return TestSigner.hmac.token(header: header, claims: claims) }
            }
        }
        return ""
    }

    /// All of them.
    static let cases: [TokenCase] =
        signers.flatMap { signer in
            claims.map { claims, fault in
                TokenCase(name: "\(signer.algorithm) \(claims)", token: signer.token(claims), fault: fault)
            }
        }
        + headers.map { header, fault in
            TokenCase(name: header, token: TestSigner.hmac.token(header: header, claims: good), fault: fault)
        } + texts.map { TokenCase(name: $0, token: $1, fault: $2) }

    @Test("Each token of the table is taken, or refused for its reason")
    func table() throws {
        #expect(Self.cases.count >= 200)
        let verifier = try Self.verifier()
        for example in Self.cases {
            let verdict = Self.verdict(example.token, verifier)
            #expect(verdict == example.fault, "\(example.name)")
        }
    }

    @Test("A signature with one byte changed is refused, whatever byte and algorithm")
    func changedSignatures() throws {
        let verifier = try Self.verifier()
        for signer in Self.signers {
            let token = signer.token(Self.good)
            let signed = token.split(separator: ".").dropLast().joined(separator: ".")
            let signature = signer.sign(Array(signed.utf8))
            for place in stride(from: 0, to: signature.count, by: 7) {
                var changed = signature
                changed[place] ^= 0x10
                let text = signed + "." + String(decoding: Base64URL.encode(changed), as: UTF8.self)
                #expect(Self.verdict(text, verifier) == .signature, "\(signer.algorithm) at \(place)")
            }
            for wrong in [Array(signature.dropLast()), signature + [0], [0] + signature, []] {
                let text = signed + "." + String(decoding: Base64URL.encode(wrong), as: UTF8.self)
                #expect(Self.verdict(text, verifier) == .signature, "\(signer.algorithm), \(wrong.count) bytes")
            }
        }
    }

    @Test("A public key never acts as a secret: a token signed with its text, or its bytes, is refused")
    func confusion() throws {
        var keys = TokenKeys()
        try KeyFile.add(Array(TestKeys.rsa1Public.utf8), to: &keys)
        let verifier = TokenVerifier(keys: keys)
        let signed = TestSigner.text(#"{"alg":"HS256"}"#) + "." + TestSigner.text(Self.good)
        #expect(TokenSecret(TestKeys.rsa1Public) == nil)
        // As a secret it can't be made; what an attacker makes with it has no key of its algorithm here.
        let forged = signed + "." + String(repeating: "A", count: 43)
        #expect(Self.verdict(forged, verifier) == .algorithm)
        #expect(Self.verdict(TestSigner.rsa.token(Self.good), verifier) == nil)
    }

    @Test("Audience and issuer count where they are configured, a list of audiences by one of them")
    func audienceAndIssuer() throws {
        let verifier = try Self.verifier(audience: "chat", issuer: "https://id.example")
        let rest = #""sub":"ann","exp":1700000060"#
        let cases: [(String, TokenFault?)] = [
            (#"{\#(rest),"aud":"chat","iss":"https://id.example"}"#, nil),
            (#"{\#(rest),"aud":["x","chat"],"iss":"https://id.example"}"#, nil),
            (#"{\#(rest),"aud":[],"iss":"https://id.example"}"#, .audience),
            (#"{\#(rest),"aud":"Chat","iss":"https://id.example"}"#, .audience),
            (#"{\#(rest),"aud":["x"],"iss":"https://id.example"}"#, .audience),
            (#"{\#(rest),"iss":"https://id.example"}"#, .audience),
            (#"{\#(rest),"aud":"chat"}"#, .issuer),
            (#"{\#(rest),"aud":"chat","iss":"https://id.example/"}"#, .issuer),
            (#"{\#(rest),"aud":"chat","iss":""}"#, .issuer),
        ]
        for (claims, fault) in cases {
            #expect(Self.verdict(TestSigner.ec.token(claims), verifier) == fault, "\(claims)")
        }
    }

    @Test("What a signer makes is good, and says what it was asked to")
    func signer() throws {
        let secret = try #require(TokenSecret(TestSigner.secret))
        var request = TokenSigner.Request(user: Identifier(unchecked: "a\"nn"), expiresAt: Self.now + 1500)
        request.rooms = ["a", "b-*"]
        request.listenedRooms = ["c"]
        (request.audience, request.issuer) = ("chat", "me")
        let token = TokenSigner(secret).sign(request)
        let claims = try Self.verifier(audience: "chat", issuer: "me").verify(Array(token.utf8), at: Self.now)
        #expect(claims.user.text == "a\"nn" && claims.expiresAt == Self.now + 1000)
        #expect(claims.rooms == RoomPatterns(["a", "b-*"]) && claims.listenedRooms == RoomPatterns(["c"]))
        #expect("\(secret)" == "(hidden)")
    }
}
