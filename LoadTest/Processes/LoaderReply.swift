/// A reply of a loading process to an order.
enum LoaderReply: Codable, Sendable {
    /// Every connection is in its room, with all it missed, or has failed.
    case allIn(milliseconds: Double)
    case sample(Sample)
    case settled([RoomMark])
    /// Messages that members who are still connected did not get, up to the marks.
    case checked(lost: Int)

    struct Sample: Codable, Sendable {
        var counts: LoadCounts
        /// Connections that are open now.
        var connected: Int
        /// Acks that are due now.
        var unacked: Int
    }
}
