import Rooms

/// Something outside of the node that a room is bridged to: it says things in the room, and reads the room's history as
/// that grows. While a room has one, it stays.
///
/// Thread: the home worker's.
protocol RoomOutlet: AnyObject {
    /// The room has said something; called at most some times per turn.
    func roomAdvanced()
    /// The room is gone: it was deleted.
    func roomEnded()
    /// A message of this link has its place, or is kept for the store.
    func accepted(from link: LinkAuthor)
    /// A message of this link gets no place.
    func refused(from link: LinkAuthor)
}
