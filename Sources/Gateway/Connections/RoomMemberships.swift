import Core

/// The rooms that a connection is in, and its place among the members of each: the room of the URL, and rooms that it
/// joined later.
///
/// A value of its connection. Most connections are in the URL's room alone: that takes no memory of its own, and
/// further rooms lie in an object.
struct RoomMemberships<Member: Recipient>: ~Copyable {
    private enum Held {
        case nothing
        /// The URL's room alone.
        case url(LocalMembers<Member>)
        case several(Several)
    }

    private final class Several {
        var url: LocalMembers<Member>?
        var further: [Membership<Member>]

        init(_ url: LocalMembers<Member>?, _ first: Membership<Member>) {
            self.url = url
            further = [first]
        }
    }

    private var held = Held.nothing
    /// The place in the URL's room, or -1.
    private var urlIndex: Int32 = -1

    /// The room of the URL; kept when that room is left, as frames without a room mean it.
    private var url: LocalMembers<Member>? {
        switch held {
        case .nothing: nil
        case .url(let members): members
        case .several(let several): several.url
        }
    }
    /// Rooms joined later than the URL's.
    private var further: [Membership<Member>] {
        if case .several(let several) = held { several.further } else { [] }
    }

    // MARK: Questions

    /// Whether no room but the URL's has frames for the connection.
    @inline(__always)
    var isURLRoomAlone: Bool { if case .several = held { false } else { true } }

    /// How many rooms the connection is in.
    var count: Int { (urlIndex >= 0 ? 1 : 0) + further.count }

    /// The rooms that the connection is in, the URL's first.
    var rooms: [Identifier] {
        (urlIndex >= 0 ? [url?.room].compactMap { $0 } : []) + further.map(\.members.room)
    }

    /// Whether a room is the URL's, also when the connection has left it.
    func isURLRoom(_ room: Identifier) -> Bool { url?.room == room }

    func contains(_ members: LocalMembers<Member>) -> Bool {
        switch held {
        case .nothing: false
        case .url(let url): urlIndex >= 0 && url === members
        case .several(let several):
            urlIndex >= 0 && several.url === members || several.further.contains { $0.members === members }
        }
    }

    /// The members of a room; nil when the connection is not in it.
    func members(of room: Identifier) -> LocalMembers<Member>? {
        if urlIndex >= 0, let url, url.room == room { return url }
        return further.first { $0.members.room == room }?.members
    }

    /// The members of the room that a frame means: the one it names, or the URL's; nil when the connection is not in
    /// it.
    func target(_ named: Identifier?) -> LocalMembers<Member>? {
        guard let named else { return urlIndex >= 0 ? url : nil }
        return members(of: named)
    }

    // MARK: Events

    /// The connection came into a room.
    /// - Parameter index: its place among the members.
    mutating func entered(_ members: LocalMembers<Member>, at index: Int, isURLRoom: Bool) {
        switch (held, isURLRoom) {
        case (.several(let several), true): several.url = members
        case (_, true): held = .url(members)
        case (.several(let several), false):
            several.further.append(Membership(members: members, index: Int32(index)))
        case (_, false): held = .several(Several(url, Membership(members: members, index: Int32(index))))
        }
        if isURLRoom { urlIndex = Int32(index) }
    }

    /// The last one among the members took the place of one that left.
    mutating func moved(in members: LocalMembers<Member>, to index: Int) {
        if url === members {
            urlIndex = Int32(index)
        } else if case .several(let several) = held,
            let place = several.further.firstIndex(where: { $0.members === members })
        {
            several.further[place].index = Int32(index)
        }
    }

    /// The connection leaves a room; returns its place there, nil when it was not in that room.
    mutating func left(_ room: Identifier) -> Membership<Member>? {
        if urlIndex >= 0, let url, url.room == room {
            defer { urlIndex = -1 }
            return Membership(members: url, index: urlIndex)
        }
        guard case .several(let several) = held,
            let place = several.further.firstIndex(where: { $0.members.room == room })
        else { return nil }
        let membership = several.further.remove(at: place)
        if several.further.isEmpty { held = several.url.map(Held.url) ?? .nothing }
        return membership
    }

    /// The connection leaves everything: to be called until it returns nil. The URL's room is the last one, and is
    /// forgotten.
    mutating func leftNext() -> Membership<Member>? {
        if let next = further.first { return left(next.members.room) }
        var membership: Membership<Member>?
        if let url { membership = left(url.room) }
        self = RoomMemberships()
        return membership
    }
}
