/// How far somebody has processed a user's inbox: in each of its histories up to one seq.
///
/// Cursors are merged and never replaced, so nodes that know different things of a device come to the same, in whatever
/// order and however often they say them. An empty one has processed nothing. Bound: `positionsMax` histories; beyond,
/// the one that came first goes.
package struct InboxCursor: Equatable, Sendable {
    package static let positionsMax = Lineage.countMax + 1

    /// One for each history, in the order in which they were first heard of.
    package private(set) var positions: [Position]

    package init(_ positions: [Position] = []) {
        self.positions = []
        for position in positions { merge(position) }
    }

    /// Reads what the store keeps; empty when it is nothing that a script wrote.
    package init(text: some Collection<UInt8>) { self.init(Position.list(text)) }

    package var text: [UInt8] { Position.text(of: positions) }

    /// Nothing was processed, in no history.
    package var isAtStart: Bool { positions.allSatisfy { $0.seq == 0 } }

    package func seq(in epoch: String) -> UInt64? { positions.first { $0.epoch == epoch }?.seq }

    package mutating func merge(_ position: Position) {
        if let index = positions.firstIndex(where: { $0.epoch == position.epoch }) {
            if positions[index].seq < position.seq { positions[index] = position }
            return
        }
        positions.append(position)
        if positions.count > Self.positionsMax { positions.removeFirst() }
    }

    package mutating func merge(_ other: InboxCursor) { for position in other.positions { merge(position) } }
}
