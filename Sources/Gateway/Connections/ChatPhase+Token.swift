import Core
import Rooms
import WireProtocol

// What a connection's token lets it do, and fresh tokens.
extension ChatPhase {
    /// Whether the connection may write into a room that it is in; if not, it hears so.
    @inline(__always)
    func mayWrite(into room: Identifier, _ frame: ClientFrame) -> Bool {
        guard let grant = transport.grant, !grant.claims.letsWrite(room) else { return true }
        refuseForbidden("the token lets this user only listen in that room", frame, room: room)
        return false
    }

    /// Whether the connection may come into a room; if not, it hears so.
    func mayEnter(_ room: Identifier, _ frame: ClientFrame) -> Bool {
        guard let grant = transport.grant, !grant.claims.letsEnter(room) else { return true }
        refuseForbidden(TokenRefusal.otherRoom.sentence, frame, room: room)
        return false
    }

    /// Takes a fresh token in the place of the present one, and leaves the rooms that it does not name. A bad one
    /// changes nothing.
    func renew(_ token: StringSlice, _ frame: ClientFrame, _ info: ConnectionInfo) {
        guard let gate = core.credentials.tokens else {
            return refuseForbidden("this node asks for no tokens", frame, room: nil)
        }
        do throws(TokenRefusal) {
            let grant = try gate.check(
                token.withBytes(Array.init), user: info.user, room: nil, at: core.loop.unixNow)
            transport.grant = grant
            transport.schedule(at: core.loop.now)
            core.writer.token(expiresAt: grant.claims.expiresAt)
            transport.sendWritten()
        } catch {
            return refuseForbidden(error.sentence, frame, room: nil)
        }
        if let room = nextForbiddenRoom {
            transport.beginWait()
            core.send(RoomRequest.leave(info, isAsked: true), of: room)
        }
    }

    /// The connection's timer has fired: reminds the client of its token's end, or ends the connection with it.
    /// - Returns: when to look again (loop milliseconds); nil: the connection is being closed.
    func lookAtToken() -> Int? {
        guard let grant = transport.grant else { return .max }
        switch grant.term.turn(at: core.loop.unixNow, mayRemind: transport.info != nil) {
        case .nothing: break
        case .remind:
            core.writer.token(expiresAt: grant.term.expiresAt)
            transport.sendWritten()
        case .end:
            transport.close(.notAuthenticated(.expired))
            return nil
        }
        return core.loop.now + max(0, grant.term.due - core.loop.unixNow)
    }

    /// A room that the connection is in, and its token does not name.
    private var nextForbiddenRoom: Identifier? {
        guard let grant = transport.grant else { return nil }
        return transport.memberships.rooms.first { !grant.claims.letsEnter($0) }
    }

    /// A home has taken the connection out of a room. What its token does not name is left one after the other, while
    /// input waits.
    func left(_ room: Identifier, _ reason: StaticString) {
        transport.exit(room)
        let isAllowed = transport.grant?.claims.letsEnter(room) ?? true
        let isOrdered = isOrdered(room, isEntry: false)
        core.writer.leftRoom(room, reason: !isAllowed ? "forbidden" : isOrdered ? "removed" : reason)
        transport.sendWritten()
        if isOrdered {
            endOrder(succeeded: true)
            // Who came back would be in it again.
            if transport.memberships.isURLRoom(room) { return transport.close(.removed("removed")) }
        }
        guard let next = nextForbiddenRoom, let info = transport.info else { return transport.endWait() }
        core.send(RoomRequest.leave(info, isAsked: true), of: next)
    }

    private func refuseForbidden(_ message: StaticString, _ frame: ClientFrame, room: Identifier?) {
        core.counters.refused(.forbidden)
        transport.sendError(.forbidden, "\(message)", id: frame.id?.text, room: room)
    }
}
