import Core

/// The places that somebody has passed who comes with a position: that one, and of the epochs that its epoch's name
/// says the seqs at which they were left. Made once, as names are dear to read, and looked up for each entry.
package struct PassedPlaces: Sendable {
    package let position: Position
    /// By the epochs' own names; the position's first.
    let places: [(own: Substring, seq: UInt64)]

    package init(_ position: Position) {
        self.position = position
        places = [(EpochName.own(position.epoch), position.seq)] + EpochName.parents(of: position.epoch)
    }
}
