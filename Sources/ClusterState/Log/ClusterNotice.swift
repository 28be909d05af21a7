/// A notice between nodes about a room or a user. Nodes that listen hear it; nobody keeps it.
package struct ClusterNotice: Equatable, Sendable {
    package enum Kind: String, Sendable {
        /// Somebody in a room types, or has stopped: the user, and 1 or 0.
        case typing
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
        /// A node knows more than a room's log of where entries stood in a former epoch: the present epoch, the former
        /// one, and a map as text.
        case places
        /// Whoever says it, under a new name instead of its run, learns when it has heard all that was said before.
        case fence
    }

    /// Begins a publication; the digit is its format.
    private static let mark = Array("~1\n".utf8)

    package let kind: Kind
    /// The run of the node that says it.
    package let boot: String
    /// None of them contains a line break.
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
        let lines = String(decoding: payload.dropFirst(Self.mark.count), as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count >= 2, let kind = Kind(rawValue: lines[0]) else { return nil }
        self.init(kind, boot: lines[1], Array(lines.dropFirst(2)))
    }
}
