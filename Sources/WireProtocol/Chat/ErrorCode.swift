/// The codes of `error` frames.
package enum ErrorCode: Sendable {
    case badJSON, badFrame, unknownType, tooLarge, rateLimited, featureSuspended, notInRoom, roomFull, roomLimit
    case outboxFull, unavailable, forbidden

    /// As on the wire.
    package var name: StaticString {
        switch self {
        case .badJSON: "bad_json"
        case .badFrame: "bad_frame"
        case .unknownType: "unknown_type"
        case .tooLarge: "too_large"
        case .rateLimited: "rate_limited"
        case .featureSuspended: "feature_suspended"
        case .notInRoom: "not_in_room"
        case .roomFull: "room_full"
        case .roomLimit: "room_limit"
        case .outboxFull: "outbox_full"
        case .unavailable: "unavailable"
        case .forbidden: "forbidden"
        }
    }
}
