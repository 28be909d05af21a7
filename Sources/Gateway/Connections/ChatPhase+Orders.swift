import Core
import Rooms
import WireProtocol

// An operator has the connection go into a room, or out of one. Input waits for each answer, as for the client's own.
extension ChatPhase {
    /// An order has come; it is carried out behind the answer for which input waits, and behind former orders.
    func received(_ order: PendingOrder) {
        guard transport.closeReason == nil else { return }
        let isAwaitingAnswer = transport.isAwaitingAnswer
        if !isAwaitingAnswer { transport.beginWait() }
        transport.orders.append(order)
        if !isAwaitingAnswer { transport.endWait() }
    }

    /// Begins the next order: true when input waits for its answer, false when there is none.
    func beginOrder() -> Bool {
        while let next = transport.orders.first {
            guard !next.isBegun else { return true }
            if begin(next) { return true }
            endOrder(succeeded: next.order.isEntry && transport.memberships.members(of: next.order.room) != nil)
        }
        return false
    }

    /// Asks the room's home; false when there is nothing to ask: the connection is where it is ordered to, may not go
    /// there, or is on its way out.
    private func begin(_ next: PendingOrder) -> Bool {
        guard let info = transport.info, transport.closeReason == nil else { return false }
        let room = next.order.room
        let isIn = transport.memberships.members(of: room) != nil
        guard isIn != next.order.isEntry else { return false }
        if next.order.isEntry {
            let isAllowed = transport.grant?.claims.letsEnter(room) ?? true
            let hasPlace = transport.memberships.count < core.configuration.roomsPerConnectionMax
            guard isAllowed, hasPlace else { return false }
            next.isBegun = true
            transport.joining = Joining(room: room)
            core.send(RoomRequest.join(info, from: nil, maker: nil), of: room)
        } else {
            next.isBegun = true
            core.send(RoomRequest.leave(info, isAsked: true), of: room)
        }
        return true
    }

    /// Whether the answer that has come about a room is that to an order.
    func isOrdered(_ room: Identifier, isEntry: Bool) -> Bool {
        guard let first = transport.orders.first else { return false }
        return first.isBegun && first.order == RoomOrder(room: room, isEntry: isEntry)
    }

    /// The first order is over.
    func endOrder(succeeded: Bool) {
        // It is let go when the connection is done with its list: then others may hear of it.
        let ended = transport.orders.removeFirst()
        if succeeded { ended.succeeded() }
    }
}
