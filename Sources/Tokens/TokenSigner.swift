import Core
import WireProtocol

/// Makes tokens for trying things out, signed with HS256.
package struct TokenSigner: Sendable {
    /// The claims that a token gets; see `TokenClaims`.
    package struct Request: Sendable {
        package var user: Identifier
        /// Unix milliseconds; less than a second is cut off.
        package var expiresAt: Int
        package var rooms: [String]?
        package var listenedRooms: [String]?
        package var audience: String?
        package var issuer: String?

        package init(user: Identifier, expiresAt: Int) { (self.user, self.expiresAt) = (user, expiresAt) }
    }

    private let secret: TokenSecret

    package init(_ secret: TokenSecret) { self.secret = secret }

    package func sign(_ request: Request) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("sub", request.user)
        writer.member("exp", request.expiresAt / 1000)
        list("rooms", request.rooms, into: &writer)
        list("rooms_read", request.listenedRooms, into: &writer)
        if let audience = request.audience { writer.member("aud", audience) }
        if let issuer = request.issuer { writer.member("iss", issuer) }
        writer.endObject()
        return sign(header: Array(#"{"alg":"HS256","typ":"JWT"}"#.utf8), claims: Array(writer.bytes))
    }

    /// A token with these bytes, whatever they are: for tests.
    package func sign(header: [UInt8], claims: [UInt8]) -> String {
        let signed = Base64URL.encode(header) + [UInt8(ascii: ".")] + Base64URL.encode(claims)
        let token = signed + [UInt8(ascii: ".")] + Base64URL.encode(secret.signature(of: signed))
        return String(decoding: token, as: UTF8.self)
    }

    private func list(_ name: StaticString, _ texts: [String]?, into writer: inout JSONWriter) {
        guard let texts else { return }
        writer.name(name)
        writer.beginArray()
        for text in texts { writer.string(text) }
        writer.endArray()
    }
}
