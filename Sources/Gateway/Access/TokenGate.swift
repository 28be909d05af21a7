import Core
import Tokens

/// Where the keys of tokens are read: at the start, and again at SIGHUP. A value; any thread.
package struct TokenSource: Sendable {
    /// With the keys of the start.
    let first: TokenGate
    private let reading: @Sendable () throws -> TokenVerifier

    /// Reads the keys, for the first time.
    /// - Parameter reading: reads secret and key file anew, also later, at each `read`.
    package init(_ reading: @escaping @Sendable () throws -> TokenVerifier) throws {
        self.reading = reading
        first = try TokenGate(verifier: reading())
    }

    /// Reads the keys again.
    func read() throws -> TokenGate { try TokenGate(verifier: reading()) }
}

/// Asks clients of `/ws` for a token. A value; any thread.
package struct TokenGate: Sendable {
    let verifier: TokenVerifier

    /// Checks a token for somebody who wants to be `user`, in `room` first.
    /// - Parameters:
    ///   - room: nil: it does not matter.
    ///   - now: Unix milliseconds.
    func check(_ token: [UInt8], user: Identifier, room: Identifier?, at now: Int) throws(TokenRefusal) -> TokenGrant {
        let claims: TokenClaims
        do throws(TokenFault) { claims = try verifier.verify(token, at: now) } catch {
            throw .token(error)
        }
        guard claims.user == user else { throw .otherUser }
        if let room, !claims.letsEnter(room) { throw .otherRoom }
        return TokenGrant(claims, at: now)
    }
}

/// Why a token does not let its bearer in.
enum TokenRefusal: Error, Equatable {
    case token(TokenFault)
    /// `sub` is somebody else.
    case otherUser
    case otherRoom

    /// The kind under which it is counted.
    var kind: ConnectionRefusal {
        switch self {
        case .token: .notAuthenticated
        case .otherUser, .otherRoom: .notAllowed
        }
    }

    /// For an `error` frame.
    var sentence: StaticString {
        switch self {
        case .token(let fault): fault.sentence
        case .otherUser: "the token is for another user"
        case .otherRoom: "the token is not for that room"
        }
    }
}

/// The rights that a connection's token gives it, and their end. A connection without a token has none.
///
/// Thread: the connection's.
final class TokenGrant {
    let claims: TokenClaims
    var term: TokenTerm

    /// - Parameter now: when the token came, Unix milliseconds.
    init(_ claims: TokenClaims, at now: Int) {
        self.claims = claims
        term = TokenTerm(expiresAt: claims.expiresAt, at: now)
    }
}
