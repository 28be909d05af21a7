/// The codes of `error` frames.
package enum ErrorCode: String, Sendable {
    case badJSON = "bad_json"
    case badFrame = "bad_frame"
    case unknownType = "unknown_type"
    case rateLimited = "rate_limited"
    case notInRoom = "not_in_room"
    case roomFull = "room_full"
    case roomLimit = "room_limit"
    case outboxFull = "outbox_full"
    case unavailable
}
