import Core
import Rooms

/// How far a room's members have heard of its log, and why what they hear next does not follow, if it does not. A value
/// of the room's sequencer.
struct AnnouncedPosition {
    /// The last position that members heard of.
    private(set) var position: Position
    private var gapReason: GapReason?

    init(_ position: Position) { self.position = position }

    /// Entries behind the position will not come. The first reason holds until a gap was announced.
    mutating func skipped(_ reason: GapReason) { if gapReason == nil { gapReason = reason } }

    /// Members hear of a position now.
    /// - Parameter next: the seq of what they hear of; it may be the one behind the position.
    /// - Returns: why that does not follow what they heard before; nil when it does.
    mutating func takeGap(before next: UInt64, in epoch: String) -> GapReason? {
        let isSame = position.epoch == epoch
        guard !isSame || next != position.seq + 1 || gapReason != nil else { return nil }
        defer { gapReason = nil }
        return isSame ? gapReason ?? .trimmed : .epochChanged
    }

    mutating func reached(_ position: Position) { self.position = position }
}
