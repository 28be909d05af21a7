import Core

/// How a link stands, as its owner writes it into the store beside the claim: a text that people can read.
package struct LinkRecord: Equatable, Sendable {
    package var state = LinkMachine.State.idle
    /// When the remote server last gave a sign of life, Unix milliseconds; nil: never.
    package var lastHeardAt: Int?
    /// How often the link was connected again after it had been.
    package var reconnects = 0
    /// Messages of the room that passed while the link was down, and were not sent.
    package var dropped = 0
    /// Up to where the room's messages were sent, or passed; nil: nowhere yet.
    package var position: Position?

    /// It was connected before.
    package var hasConnected: Bool { lastHeardAt != nil }

    package init() {}

    /// Six words: state, last sign of life, reconnects, dropped, and the seq and epoch of the position, or `-`.
    package var text: [UInt8] {
        let heard = lastHeardAt.map(String.init) ?? "-"
        let place = position.map { "\($0.seq) \($0.epoch)" } ?? "-"
        return Array("\(state.rawValue) \(heard) \(reconnects) \(dropped) \(place)".utf8)
    }

    /// Reads a text; what can't be read has its default.
    package init(_ text: [UInt8]) {
        let parts = text.split(separator: UInt8(ascii: " "), maxSplits: 5)
        func part(_ index: Int) -> ArraySlice<UInt8> { index < parts.count ? parts[index] : [] }
        state = LinkMachine.State(rawValue: String(decoding: part(0), as: UTF8.self)) ?? .idle
        lastHeardAt = Stored.number(part(1))
        reconnects = Stored.number(part(2)) ?? 0
        dropped = Stored.number(part(3)) ?? 0
        if let seq = Stored.number(part(4)), parts.count == 6 {
            position = Position(epoch: String(decoding: part(5), as: UTF8.self), seq: UInt64(seq))
        }
    }
}
