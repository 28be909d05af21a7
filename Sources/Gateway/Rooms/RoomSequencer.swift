import ClusterState
import Core
import Overload
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
        if case .replicated(let room) = self { room.gate.delays(info, position) } else { false }
    }

    /// An arrival that was delayed has gone; false when there was none.
    func forgetArrival(_ info: ConnectionInfo) -> Bool {
        if case .replicated(let room) = self { room.gate.forget(info) } else { false }
    }

    /// The answer that a room may give to a connection that comes in.
    enum Admission {
        /// All that the room's history has is here.
        case inStep
        /// This node is behind, and goes on from the position later.
        case behind
        /// This node can't judge the position: the connection learns what it missed once the room is in step.
        case unplaced

        var isPending: Bool { self != .inStep }
        var isPlaced: Bool { self != .unplaced }
    }

    /// A connection comes in.
    func admits(_ info: ConnectionInfo, _ position: Position?) -> Admission {
        if case .replicated(let room) = self { room.admits(info, position) } else { .inStep }
    }

    /// A connection has caught up to a position.
    func wentLive(_ info: ConnectionInfo, at position: Position) {
        if case .replicated(let room) = self { room.wentLive(info, at: position) }
    }

    /// Whether this node is behind the room's history.
    var isPending: Bool { if case .replicated(let room) = self { room.isPending } else { false } }

    /// Whether what the room's history has is what the cluster's has.
    var isInStep: Bool { isReady && !isPending }

    /// Where entries stood in former epochs.
    var former: FormerPlaces { if case .replicated(let room) = self { room.former } else { FormerPlaces() } }

    /// Messages that have no place yet, in order.
    var provisionalMessages: [Submission] {
        if case .replicated(let room) = self { room.provisionalMessages } else { [] }
    }

    /// The messages without a place that a connection has not seen which has caught up.
    func provisionalFrames(to info: ConnectionInfo, resumes: Bool) -> [FrameSlice] {
        if case .replicated(let room) = self { room.provisionalFrames(to: info, resumes: resumes) } else { [] }
    }

    /// A connection is no longer in.
    func departed(_ info: ConnectionInfo) { if case .replicated(let room) = self { room.departed(info) } }

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

    /// The runs of the other nodes that have members, or have a user.
    var nodesElsewhere: [String] {
        if case .replicated(let room) = self { room.users.presence?.roster.entries.map(\.boot) ?? [] } else { [] }
    }
    func nodesElsewhere(of user: Identifier) -> [String] {
        guard case .replicated(let room) = self else { return [] }
        return room.users.presence?.roster.entries(of: user).map(\.boot) ?? []
    }

    /// A user's devices on other nodes.
    func attendancesElsewhere(of user: Identifier) -> [RemoteAttendance] {
        if case .replicated(let room) = self { room.users.presence?.roster.attendances(of: user) ?? [] } else { [] }
    }

    /// A user's connections here are others than before: other nodes are notified.
    /// - Parameter claim: set when the user came or went, and events are wanted.
    func presenceChanged(_ user: Identifier, _ claim: PresenceClaim?) {
        if case .replicated(let room) = self { room.users.changedHere(user, claim) }
    }

    /// A user types here: other nodes are notified.
    func publishTyping(_ user: Identifier, _ isTyping: Bool) {
        if case .replicated(let room) = self { room.facts.publishTyping(user, isTyping) }
    }

    /// A member sends a signal here: other nodes get it.
    func publishSignal(_ info: ConnectionInfo, _ body: SignalBody) {
        if case .replicated(let room) = self { room.facts.publishSignal(info, body) }
    }

    /// A read mark has risen here: it is kept, and other nodes are notified.
    func publishMark(of user: Identifier, _ seq: UInt64) {
        if case .replicated(let room) = self { room.facts.publishMark(of: user, seq) }
    }

    // MARK: Life

    /// The room is as the cluster has it, and its members hear what is said.
    var isReady: Bool { if case .replicated(let room) = self { room.isReady } else { true } }

    /// Does something once the room is as the cluster has it; at once when it is.
    func whenReady(_ work: @escaping () -> Void) {
        if case .replicated(let room) = self { room.whenReady(work) } else { work() }
    }

    /// Nothing waits here, so that the room may be forgotten.
    var isIdle: Bool { if case .replicated(let room) = self { room.isIdle } else { true } }

    /// The room is forgotten here.
    func end() { if case .replicated(let room) = self { room.end() } }
}
