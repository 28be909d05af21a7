import Core
import WireProtocol

/// The claims of a token that was verified.
package struct TokenClaims: Sendable, Equatable {
    /// The latest time that a token may name, in seconds: the end of the year 9999. What is later is a slip, such as
    /// milliseconds.
    static let secondsMax = 253_402_300_799

    /// `sub`: the user.
    package let user: Identifier
    /// `exp`, Unix milliseconds.
    package let expiresAt: Int
    /// `rooms`: where the user may be; nil: everywhere.
    package let rooms: RoomPatterns?
    /// `rooms_read`: where the user may be, and only listens.
    package let listenedRooms: RoomPatterns?
    /// `nbf`, Unix milliseconds.
    let notBefore: Int?
    let audience: [String]
    let issuer: String?

    init(_ bytes: [UInt8]) throws(TokenFault) {
        var user: Identifier?
        var (expiresAt, notBefore): (Int?, Int?)
        var (rooms, listenedRooms): (RoomPatterns?, RoomPatterns?)
        var audience: [String] = []
        var issuer: String?
        try TokenMembers.each(of: bytes, orThrow: .badClaims) { name, value throws(TokenFault) in
            switch name {
            case "sub":
                user = Identifier(validating: try TokenMembers.text(value, orThrow: .badClaims))
                if user == nil { throw .badClaims }
            case "exp": expiresAt = try Self.time(value)
            case "nbf": notBefore = try Self.time(value)
            case "rooms": rooms = try Self.patterns(value)
            case "rooms_read": listenedRooms = try Self.patterns(value)
            case "aud":
                audience =
                    value.kind == .array
                    ? try TokenMembers.texts(value, orThrow: .badClaims)
                    : [try TokenMembers.text(value, orThrow: .badClaims)]
            case "iss": issuer = try TokenMembers.text(value, orThrow: .badClaims)
            default: break
            }
        }
        guard let expiresAt else { throw .noExpiry }
        guard let user else { throw .noSubject }
        (self.user, self.expiresAt, self.notBefore) = (user, expiresAt, notBefore)
        (self.rooms, self.listenedRooms, self.audience, self.issuer) = (rooms, listenedRooms, audience, issuer)
    }

    /// Seconds, perhaps with a fraction (RFC 7519 §2, NumericDate), as milliseconds.
    private static func time(_ value: JSONValue) throws(TokenFault) -> Int {
        guard let milliseconds = value.thousandths, milliseconds <= secondsMax * 1000 else { throw .badClaims }
        return milliseconds
    }

    private static func patterns(_ value: JSONValue) throws(TokenFault) -> RoomPatterns {
        guard let patterns = RoomPatterns(try TokenMembers.texts(value, orThrow: .badClaims)) else {
            throw .badClaims
        }
        return patterns
    }

    // MARK: Rights

    /// Whether the user may be in a room.
    package func letsEnter(_ room: Identifier) -> Bool {
        rooms.map { $0.contains(room) } ?? true || listenedRooms?.contains(room) == true
    }

    /// Whether the user may write into a room, or show others there what it does.
    package func letsWrite(_ room: Identifier) -> Bool {
        rooms.map { $0.contains(room) } ?? true && listenedRooms?.contains(room) != true
    }
}
