import Core

/// Where a shared log lies in the store. All keys of one log share a hash tag, so that they stay together on one server
/// of a Redis Cluster.
package struct LogKeys: Sendable {
    /// A hash: the epoch, the newest seq, from where the epoch was forked, and since where nothing was stored.
    package let place: [UInt8]
    /// A stream: the entries under their seqs.
    package let entries: [UInt8]
    /// A hash: who is in the room, or connected as the user, on which node.
    package let members: [UInt8]
    /// Where new entries, who comes and goes, and notices that are not kept are published.
    package let channel: [UInt8]
    private let tag: [UInt8]
    /// A hash: the nodes that beat, by their runs.
    static let beats = Array("sluice:{nodes}:beats".utf8)

    /// A room's.
    package init(room: Identifier) { self.init("room", room) }

    /// A user's inbox.
    package init(user: Identifier) { self.init("user", user) }

    private init(_ kind: String, _ name: Identifier) {
        tag = Array("sluice:{\(kind):".utf8) + Self.escaped(name) + Array("}".utf8)
        place = tag + Array(":place".utf8)
        entries = tag + Array(":log".utf8)
        members = tag + Self.membersSuffix
        channel = tag
    }

    /// The end of `members`; of other keys too, that have the same bytes in a name or an id behind the tag.
    static let membersSuffix = Array(":members".utf8)

    /// The tag, and channel, of the room or user whose `members` this key is; nil when it is another key.
    static func tag(ofMembers key: [UInt8]) -> [UInt8]? {
        let tag = key.dropLast(membersSuffix.count)
        return key.suffix(membersSuffix.count) == membersSuffix[...]
            && tag.firstIndex(of: UInt8(ascii: "}")) == tag.endIndex - 1 ? Array(tag) : nil
    }

    /// The room, or being online, of whose members this key is; nil when it is another key.
    package static func place(ofMembers key: [UInt8]) -> PresencePlace? {
        guard let tag = tag(ofMembers: key) else { return nil }
        if tag.starts(with: userHead) { return .user }
        guard tag.starts(with: roomHead) else { return nil }
        let name = unescaped(tag.dropFirst(roomHead.count).dropLast())
        return name.withUnsafeBytes { Identifier(validating: $0) }.map { .room($0) }
    }

    private static let roomHead = Array("sluice:{room:".utf8)
    private static let userHead = Array("sluice:{user:".utf8)

    /// The reverse of `escaped`.
    private static func unescaped(_ name: some Collection<UInt8>) -> [UInt8] {
        var rest = Array(name)[...]
        var plain: [UInt8] = []
        while let byte = rest.first {
            let (isBrace, isPercent) = (rest.starts(with: Array("%7D".utf8)), rest.starts(with: Array("%25".utf8)))
            plain.append(isBrace ? UInt8(ascii: "}") : byte)
            rest = rest.dropFirst(isBrace || isPercent ? 3 : 1)
        }
        return plain
    }

    /// A name that does not end the hash tag: a brace is written as in URLs, and so is what begins that.
    private static func escaped(_ name: Identifier) -> [UInt8] {
        name.text.utf8.flatMap { byte -> [UInt8] in
            switch byte {
            case UInt8(ascii: "}"): Array("%7D".utf8)
            case UInt8(ascii: "%"): Array("%25".utf8)
            default: [byte]
            }
        }
    }

    /// A hash: what an operator set of a room.
    package var settings: [UInt8] { tag + Array(":settings".utf8) }
    /// A sorted set: users by their read marks in a room.
    package var marks: [UInt8] { tag + Array(":marks".utf8) }
    /// A hash: a user's session.
    package var session: [UInt8] { tag + Array(":session".utf8) }
    /// A hash: how far each of a user's devices has processed the inbox.
    package var cursors: [UInt8] { tag + Array(":cursors".utf8) }
    /// A string: which node pushes the present burst of messages to an absent user.
    package var push: [UInt8] { tag + Array(":push".utf8) }
    /// Where a message's id is remembered. Neither users nor ids contain a zero byte, so no two pairs meet.
    package func id(user: Identifier, id: [UInt8]) -> [UInt8] {
        tag + Array(":id:".utf8) + Array(user.text.utf8) + [0] + id
    }
}
