import ControlPlane
import Foundations
import Rooms
import WireProtocol

// Presence, typing and read marks of rooms at home here, as the tier has them told.
extension Worker {
    /// Rooms that are looked at per tick, so that many of them make no long turn.
    private static let debtorsPerTick = 2_000

    private func debts(of home: RoomHome) -> RoomDebts {
        if let debts = home.debts { return debts }
        let debts = RoomDebts()
        home.debts = debts
        load.roomsOwing.append(home)
        return debts
    }

    /// Tells a room that a user came or went: at once, or later as a count.
    func tellPresence(_ type: StaticString, of user: Identifier, in home: RoomHome) {
        switch load.policy.presence {
        case .counts(_, let users) where home.userCount > users: break
        case .off: break
        case .each, .counts:
            writer.presenceChange(type, room: home.room.id, user: user, users: home.userCount)
            return broadcastWritten(in: home)
        }
        counters.shed(.presence)
        debts(of: home).owesPresence = true
    }

    /// Whether a room is told that somebody types.
    func tellsTyping(_ user: Identifier, _ isTyping: Bool, in home: RoomHome) -> Bool {
        let isTold: Bool
        switch load.policy.typing {
        case .each: return true
        case .paced(let pause, let most):
            isTold =
                home.userCount <= most
                && debts(of: home).tellsTyping(user, isTyping, every: pause, at: loop.now)
        case .off: isTold = false
        }
        if !isTold { counters.shed(.typing) }
        return isTold
    }

    /// Whether a room is told of a mark at once; if not, it is owed.
    func tellsMark(of user: Identifier, _ seq: UInt64, in home: RoomHome) -> Bool {
        guard load.policy.readMarks != .each else { return true }
        counters.shed(.readMarks)
        debts(of: home).marks[user] = seq
        return false
    }

    /// At each tick, and when the tier has changed: tells what is due.
    func settleDebts() {
        let looked = load.roomsOwing.prefix(Self.debtorsPerTick)
        load.roomsOwing.removeFirst(looked.count)
        for home in looked {
            if settle(home) { home.debts = nil } else { load.roomsOwing.append(home) }
        }
    }

    /// Whether nothing is left; a room that is gone owes nothing.
    private func settle(_ home: RoomHome) -> Bool {
        guard let debts = home.debts, rooms[home.room.id] === home else { return true }
        let pause = pauses
        if debts.owesPresence, let every = pause.presence, loop.now - debts.presenceToldAt >= every {
            debts.owesPresence = false
            debts.presenceToldAt = loop.now
            writer.presenceCount(room: home.room.id, users: home.userCount)
            broadcastWritten(in: home)
        }
        if !debts.marks.isEmpty, let every = pause.marks, loop.now - debts.marksToldAt >= every {
            writer.read(room: home.room.id, marks: debts.marks.lazy.map { (user: $0.key, seq: $0.value) })
            debts.marks = [:]
            debts.marksToldAt = loop.now
            broadcastWritten(in: home)
        }
        return debts.isSettled(pause: max(pause.presence ?? 0, pause.marks ?? 0, pause.typing), at: loop.now)
    }

    /// Between two times of telling, in milliseconds; nil: not in this tier.
    private var pauses: (presence: Int?, marks: Int?, typing: Int) {
        let presence: Int? =
            switch load.policy.presence {
            case .each: 0
            case .counts(let every, _): every
            case .off: nil
            }
        let marks: Int? =
            switch load.policy.readMarks {
            case .each: 0
            case .batched(let every): every
            case .kept: nil
            }
        let typing = if case .paced(let every, _) = load.policy.typing { every } else { 0 }
        return (presence, marks, typing)
    }
}
