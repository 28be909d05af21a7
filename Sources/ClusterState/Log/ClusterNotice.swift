/// A notice between nodes about a room or a user. Nodes that listen hear it; nobody keeps it.
package struct ClusterNotice: Equatable, Sendable {
    package enum Kind: String, Sendable {
        /// Somebody in a room types, or has stopped: the user, and 1 or 0.
        case typing
        /// A member of a room sends a signal: the user, the device, and the object of its name and data.
        case signal
        /// A read mark has risen: the user and the seq.
        case read
        /// A room was deleted: the epoch of the history that is no more.
        case deleted
        /// An operator changed the room's settings: read them.
        case settings
        /// All connections of a user must be closed.
        case kick
        /// In which rooms is the user with which device? The channel on which to answer, and the question's number.
        case deviceRooms
        /// An operator has the user's connections go into a room, or out of it: the channel on which to answer, the
        /// question's number, `in` or `out`, and the room.
        case order
        /// A node knows more than a room's log of where entries stood in a former epoch: the present epoch, the former
        /// one, and a map as text.
        case places
        /// Whoever says it, under a new name instead of its run, learns when it has heard all that was said before.
        case fence
    }

    /// Begins a publication; the digit is its format.
    private static let mark = Array("~1\n".utf8)
    private static let lineBreak = UInt8(ascii: "\n")
    private static let signalValues = 3

    package let kind: Kind
    /// The run of the node that says it.
    package let boot: String
    /// None of them contains a line break, but for the last one of a `signal`: that is JSON as a client wrote it.
    package let values: [String]

    package init(_ kind: Kind, boot: String, _ values: [String] = []) {
        self.kind = kind
        self.boot = boot
        self.values = values
    }

    /// Says it to all nodes that follow the room or user.
    package static func operation(_ keys: LogKeys, _ notice: ClusterNotice) -> StoreOperation {
        .publish(channel: keys.channel, payload: notice.payload)
    }

    package var payload: [UInt8] {
        Self.mark + Array(([kind.rawValue, boot] + values).joined(separator: "\n").utf8)
    }

    /// Reads a publication; nil when it is none of these, or of another format.
    package init?(_ payload: [UInt8]) {
        guard payload.starts(with: Self.mark) else { return nil }
        // Bytes: as text, a carriage return and the line break behind it would be one character.
        let text = payload.dropFirst(Self.mark.count)
        guard let end = text.firstIndex(of: Self.lineBreak), let kind = Kind(rawValue: Self.text(text[..<end])) else {
            return nil
        }
        let lines = text[(end + 1)...].split(
            separator: Self.lineBreak, maxSplits: kind == .signal ? Self.signalValues : .max,
            omittingEmptySubsequences: false)
        self.init(kind, boot: Self.text(lines[0]), lines.dropFirst().map(Self.text))
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
}
