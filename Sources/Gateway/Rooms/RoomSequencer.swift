import ControlPlane
import Foundations
import Rooms
import WireProtocol

/// Who gives a room's messages their places: this node alone, or the log that all nodes of a cluster share. The room's
/// owner calls the same methods on both.
enum RoomSequencer {
    /// The owner's own room is the order; what other nodes could know does not exist.
    case local
    case replicated(ReplicatedRoom)

    /// The order of a room that its table makes. A replicated one begins to follow its log by `begin`.
    init(_ owner: RoomOwner, _ replication: Replication?) {
        if let replication {
            self = .replicated(ReplicatedRoom(owner, replication))
        } else {
            self = .local
        }
    }

    // MARK: Members

    /// Keeps an arrival until the room is in step with its log; false when it is.
    func delays(_ info: ConnectionInfo, _ position: Position?) -> Bool {
        if case .replicated(let room) = self { room.delays(info, position) } else { false }
    }

    /// An arrival that was delayed has gone; false when there was none.
    func forgetArrival(_ info: ConnectionInfo) -> Bool {
        if case .replicated(let room) = self { room.forgetArrival(info) } else { false }
    }

    /// A connection came in.
    func joined(_ info: ConnectionInfo, from position: Position?) {
        if case .replicated(let room) = self { room.joined(info, from: position) }
    }

    /// A connection has caught up.
    func wentLive(_ info: ConnectionInfo) { if case .replicated(let room) = self { room.wentLive(info) } }

    /// A connection is no longer in.
    func departed(_ info: ConnectionInfo) { if case .replicated(let room) = self { room.departed(info) } }

    /// Whether somebody who has seen a former history up to `position` has seen this body there.
    func wasSeen(_ body: @autoclosure () -> UnsafeRawBufferPointer, upTo position: Position) -> Bool {
        if case .replicated(let room) = self { room.wasSeen(Array(body()), upTo: position) } else { false }
    }

    // MARK: Who is in elsewhere

    /// Users who are in on other nodes, and not here.
    var elsewhere: Set<Identifier> { if case .replicated(let room) = self { room.users.elsewhere } else { [] } }

    /// Connections on other nodes.
    var connectionsElsewhere: Int {
        if case .replicated(let room) = self { room.users.presence?.roster.deviceCount ?? 0 } else { 0 }
    }

    func isElsewhere(_ user: Identifier) -> Bool {
        if case .replicated(let room) = self { room.users.isElsewhere(user) } else { false }
    }

    /// A user's devices on other nodes.
    func attendancesElsewhere(of user: Identifier) -> [RemoteAttendance] {
        if case .replicated(let room) = self { room.users.presence?.roster.attendances(of: user) ?? [] } else { [] }
    }

    /// A user came or went here: other nodes are told.
    func presenceChanged(_ user: Identifier) { if case .replicated(let room) = self { room.users.changedHere(user) } }

    /// A user types here: other nodes are told.
    func publishTyping(_ user: Identifier, _ isTyping: Bool) {
        if case .replicated(let room) = self { room.facts.publishTyping(user, isTyping) }
    }

    /// A read mark has risen here: it is kept, and other nodes are told.
    func publishMark(of user: Identifier, _ seq: UInt64) {
        if case .replicated(let room) = self { room.facts.publishMark(of: user, seq) }
    }

    // MARK: Life

    /// Does something once the room is as the cluster has it; at once when it is.
    func whenReady(_ work: @escaping () -> Void) {
        if case .replicated(let room) = self { room.whenReady(work) } else { work() }
    }

    /// Nothing waits here, so that the room may be forgotten.
    var isIdle: Bool { if case .replicated(let room) = self { room.isIdle } else { true } }

    /// The room is forgotten here.
    func end() { if case .replicated(let room) = self { room.end() } }
}
