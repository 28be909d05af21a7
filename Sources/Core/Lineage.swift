/// The former epochs of a history, the oldest first, each with the seq at which the next one forked from it.
///
/// An entry of the present history with a seq up to a fork stood at the same seq in the former epoch. Bound:
/// `countMax`; who comes with an older epoch's position gets the answer that nothing is known of it.
package struct Lineage: Equatable, Sendable {
    package static let countMax = 8

    package private(set) var forks: [Position]

    package init(_ forks: [Position] = []) { self.forks = Array(forks.suffix(Self.countMax)) }

    /// Reads what the store keeps; empty when it is nothing that a script wrote.
    package init(text: some Collection<UInt8>) { self.init(Position.list(text)) }

    package var text: [UInt8] { Position.text(of: forks) }

    /// The seq at which the successor of a former epoch began; nil when the epoch is not known.
    package func fork(of epoch: String) -> UInt64? { forks.last { $0.epoch == epoch }?.seq }

    /// The same by the epoch's own name.
    package func fork(ofOwn own: Substring) -> UInt64? { forks.last { EpochName.isOwn($0.epoch, own) }?.seq }
}
