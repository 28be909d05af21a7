import Core
import Rooms
import WireProtocol

// Further rooms of a connection that is in the chat phase. Input waits for each answer.
extension ChatPhase {
    /// Asks to come into a further room.
    func join(_ room: Identifier, from position: Position?) {
        guard let info = transport.info else { return }
        if transport.memberships.members(of: room) != nil {
            // Known already: an answer alone, without replay.
            transport.beginWait()
            return core.send(RoomRequest.describe(info), of: room)
        }
        let most = core.configuration.roomsPerConnectionMax
        guard transport.memberships.count < most else {
            return transport.sendError(.roomLimit, "a connection may be in at most \(most) rooms", room: room)
        }
        transport.beginWait()
        transport.joining = Joining(room: room)
        core.send(RoomRequest.join(info, from: position, maker: transport.source), of: room)
    }

    /// Asks to leave a room.
    func leave(_ room: Identifier) {
        guard let info = transport.info else { return }
        guard transport.memberships.members(of: room) != nil else {
            return transport.sendError(.notInRoom, "this connection is not in that room", room: room)
        }
        transport.beginWait()
        core.send(RoomRequest.leave(info, isAsked: true), of: room)
    }

    /// A home has answered.
    func received(_ notice: MemberNotice) {
        switch notice {
        case .joined(let room, let frames, let isLive, let reached):
            joined(room, frames, isLive: isLive, reached: reached)
        case .described(let frame):
            transport.deliverAlone(frame)
            transport.endWait()
        case .joinRefused(let room, let refusal):
            guard transport.joining?.room == room else { return }
            transport.joining = nil
            // Who did not ask hears nothing of it.
            if isOrdered(room, isEntry: true) {
                endOrder(succeeded: false)
            } else {
                transport.sendRefusal(refusal, of: room)
            }
            transport.endWait()
        case .leftRoom(let room, let reason): left(room, reason)
        case .roomDeleted(let room): roomDeleted(room)
        case .positionUnknown, .inboxReplayed, .frames, .answer, .readAnswer, .replay, .replaced, .removed: break
        }
    }

    /// The room took the connection in: its answer, and as much as it gives at once of what was missed.
    private func joined(_ room: Identifier, _ frames: [FrameSlice], isLive: Bool, reached: UInt64) {
        guard transport.joining?.room == room else { return }
        for frame in frames { transport.deliverAlone(frame) }
        guard isLive else {
            transport.joining?.replayedTo = reached
            return
        }
        transport.joining = nil
        transport.enter(room, isURLRoom: transport.memberships.isURLRoom(room))
        if isOrdered(room, isEntry: true) { endOrder(succeeded: true) }
        transport.endWait()
    }

    private func roomDeleted(_ room: Identifier) {
        let (isURLRoom, wasJoining) = (transport.memberships.isURLRoom(room), transport.joining?.room == room)
        transport.exit(room)
        core.writer.leftRoom(room, reason: "deleted")
        transport.sendWritten()
        if isURLRoom { return transport.close(.removed("room_deleted")) }
        if wasJoining {
            transport.joining = nil
            if isOrdered(room, isEntry: true) { endOrder(succeeded: false) }
            transport.endWait()
        }
    }
}
