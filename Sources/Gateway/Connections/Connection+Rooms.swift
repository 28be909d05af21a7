import Foundations
import NetworkIO
import Rooms
import WireProtocol

// A connection's places in rooms, as the rooms' homes tell of them.
extension Connection {
    /// The connection's place in a room, when it is live there.
    private func members(of room: Identifier) -> LocalMembers<Connection>? {
        if urlIndex >= 0, let urlMembers, urlMembers.room == room { return urlMembers }
        return furtherRooms.first { $0.members.room == room }?.members
    }

    func isMember(of members: LocalMembers<Connection>) -> Bool {
        urlIndex >= 0 && urlMembers === members || furtherRooms.contains { $0.members === members }
    }

    func isLive(in room: Identifier) -> Bool { members(of: room) != nil }

    /// The room that a frame means: the one it names, or the URL's; nil when the connection is not in it.
    func target(_ named: Identifier?) -> LocalMembers<Connection>? {
        guard let named else { return urlIndex >= 0 ? urlMembers : nil }
        return members(of: named)
    }

    /// Rooms that the connection is in.
    var rooms: [Identifier] {
        (urlIndex >= 0 ? [urlMembers?.room].compactMap { $0 } : []) + furtherRooms.map(\.members.room)
    }

    /// The last one in the room's array took the place of one that left.
    func moved(in members: LocalMembers<Connection>, to index: Int) {
        if urlMembers === members {
            urlIndex = Int32(index)
        } else if let place = furtherRooms.firstIndex(where: { $0.members === members }) {
            furtherRooms[place].index = Int32(index)
        }
    }

    /// Asks to come into a further room. Input waits for the answer.
    func join(_ room: Identifier, from position: Position?) {
        guard let info else { return }
        if isLive(in: room) {
            // Known already: an answer alone, without replay.
            wait = Wait()
            return core.send(RoomRequest.describe(info), of: room)
        }
        guard rooms.count < core.configuration.roomsPerConnectionMax else {
            let most = core.configuration.roomsPerConnectionMax
            return sendError(.roomLimit, "a connection may be in at most \(most) rooms", room: room)
        }
        wait = Wait()
        wait?.joining = room
        core.send(RoomRequest.join(info, from: position), of: room)
    }

    /// The room took the connection in: its answer, and as much as it gives at once of what was missed.
    func joined(_ room: Identifier, _ frames: [FrameSlice], isLive: Bool, reached: UInt64) {
        guard wait?.joining == room else { return }
        for frame in frames { deliverAlone(frame) }
        guard isLive else {
            wait?.replayedTo = reached
            return
        }
        wait?.joining = nil
        enter(table.openMembers(of: room))
        if case .opening = phase {
            phase = .chat
            isPatient = true
        }
        endWait()
    }

    private func enter(_ members: LocalMembers<Connection>) {
        let index = Int32(members.insert(self))
        let isURLRoom: Bool
        if case .opening = phase { isURLRoom = true } else { isURLRoom = urlMembers?.room == members.room }
        if isURLRoom {
            urlMembers = members
            urlIndex = index
        } else {
            furtherRooms.append(Membership(members: members, index: index))
        }
    }

    /// The room is full.
    func joinRefused(_ room: Identifier) {
        guard wait?.joining == room else { return }
        wait?.joining = nil
        sendError(.roomFull, "the room has as many users as it takes", room: room)
        if case .opening = phase {
            let retry = core.context.retryMilliseconds()
            return close(.overCapacity, reason: CloseReason("room_full", retryMilliseconds: retry))
        }
        endWait()
    }

    /// Asks to leave a room. Input waits for the answer.
    func leave(_ room: Identifier) {
        guard let info else { return }
        guard isLive(in: room) else {
            return sendError(.notInRoom, "this connection is not in that room", room: room)
        }
        wait = Wait()
        core.send(RoomRequest.leave(info, isAsked: true), of: room)
    }

    /// The room let the connection go.
    func leftRoom(_ room: Identifier, reason: StaticString) {
        exit(room)
        core.writer.leftRoom(room, reason: reason)
        sendWritten()
        endWait()
    }

    /// The room is gone.
    func roomDeleted(_ room: Identifier) {
        let isURLRoom = urlMembers?.room == room || { if case .opening = phase { true } else { false } }()
        let wasJoining = wait?.joining == room
        exit(room)
        core.writer.leftRoom(room, reason: "deleted")
        sendWritten()
        if isURLRoom { return closeAsRemoved("room_deleted") }
        if wasJoining {
            wait?.joining = nil
            endWait()
        }
    }

    private func exit(_ room: Identifier) {
        if urlIndex >= 0, let members = urlMembers, members.room == room {
            table.delivery.remove(from: members, at: Int(urlIndex))
            urlIndex = -1
        } else if let place = furtherRooms.firstIndex(where: { $0.members.room == room }) {
            let membership = furtherRooms.remove(at: place)
            table.delivery.remove(from: membership.members, at: Int(membership.index))
        }
    }
}
