import Core
import Overload
import Rooms
import WireProtocol

/// A connection that is in rooms or on its way there, as its opening phase and its chat phase see it. A test has a fake
/// one.
///
/// Thread: the worker's.
protocol RoomTransport: Recipient {
    var core: WorkerCore { get }
    /// The members of all rooms on the worker.
    var delivery: LocalDelivery<Self> { get }
    /// The facts of the connection, from the answer of the user's home until it leaves everything. Its phase has them.
    var info: ConnectionInfo? { get }
    /// The client, as limits name it.
    var source: Client { get }
    /// The window that was agreed for compressed messages to this connection; see `ConnectionInfo`.
    var windowBits: Int { get }
    var memberships: RoomMemberships<Self> { get set }
    /// Input that is kept back, and what belongs to that.
    var wait: KeptInput? { get set }
    /// Its rights by its token, where the node asks for one.
    var grant: TokenGrant? { get set }
    /// Counted against the node's limit.
    var isCounted: Bool { get set }
    /// Messages that were handed to their homes and have no answer yet.
    var unansweredCount: UInt32 { get set }
    /// The reason for which the connection is closed once its messages are answered.
    var closeReason: CloseReason? { get }
    /// Bytes that wait for the kernel to take them.
    var queuedBytes: Int { get }

    /// The members of a room on the worker, made if there were none.
    func openMembers(of room: Identifier) -> LocalMembers<Self>
    /// Keeps further input back until `endWait`: at most what the loop reads at once, as nothing more is read.
    func beginWait()
    /// Carries out an operator's orders that came meanwhile; then hands over the input that was kept back, in this
    /// call, and reads on.
    func endWait()
    /// Sends a close frame and waits a little for the peer's.
    func close(_ reason: CloseReason)
}

/// A room that a connection has asked to come into.
struct Joining {
    let room: Identifier
    /// The last entry of a replay that was sent, while more is left.
    var replayedTo: UInt64?
}

extension RoomTransport {
    /// The room that the connection has asked to come into. It is forgotten when the wait ends.
    var joining: Joining? {
        get { wait?.joining }
        set { wait?.joining = newValue }
    }
    /// An operator's orders that it has not carried out. While there are some, input waits for an answer.
    var orders: [PendingOrder] {
        get { wait?.orders ?? [] }
        set { wait?.orders = newValue }
    }
    /// Whether input waits for the answer of a home.
    var isAwaitingAnswer: Bool { wait?.reasons.contains(.answer) ?? false }
}

// MARK: Sending

extension RoomTransport {
    /// The frame as this connection may get it.
    func compressedIfAgreed(_ frame: FrameSlice) -> FrameSlice {
        guard isDeflateAgreed, core.compresses else { return frame }
        return core.compressor.compressed(frame, windowBits: windowBits) ?? frame
    }

    /// Queues a frame that is for this connection alone: compressed where that was agreed and makes it smaller.
    func deliverAlone(_ frame: FrameSlice) { deliver(compressedIfAgreed(frame)) }

    /// Queues the frame in the worker's writer.
    func sendWritten() { deliver(core.scratch.frame(.text, core.writer.bytes)) }

    func sendError(
        _ code: ErrorCode, _ message: String, id: String? = nil, room: Identifier? = nil, retryMilliseconds: Int? = nil
    ) {
        core.writer.error(code, message, id: id, room: room, retryMilliseconds: retryMilliseconds)
        sendWritten()
    }

    /// A room does not take the connection in.
    func sendRefusal(_ refusal: JoinRefusal, of room: Identifier) {
        switch refusal {
        case .roomFull: sendError(.roomFull, "the room has as many users as it takes", room: room)
        case .roomLimit: sendError(.roomLimit, core.context.budgets.rooms.fullText, room: room)
        case .tooFast(let retry):
            sendError(.rateLimited, AddressLimits.makingText, room: room, retryMilliseconds: retry)
        }
    }

    /// Sends a replay to a connection that is in already.
    func deliver(_ replay: [ReplayedFrame]) {
        for part in replay {
            switch part {
            case .frame(let frame): deliverAlone(frame)
            case .ack(let ack, let message):
                deliverAlone(ack)
                answered()
                if wantsEcho, let message { deliverAlone(message) }
            }
        }
    }

    /// One of the messages has its answer. What else is said in this turn comes before the close frame that waits.
    @inline(__always)
    func answered() {
        assert(unansweredCount > 0, "a message is answered twice")
        guard unansweredCount > 0 else { return }
        unansweredCount -= 1
        if unansweredCount == 0, closeReason != nil, let info { core.answeredKeys.append(info.socketKey) }
    }

    /// Notifies the client of the present tier.
    func announceTier(previous: Tier) {
        let (load, configuration) = (core.load, core.configuration)
        core.writer.tier(
            load.policy.tier.name, previous: previous.name, reason: load.reason,
            suspended: load.policy.suspended(
                hasStore: configuration.redis != nil, isCompressing: configuration.compresses),
            messagesPerSecond: load.limits.rate.perSecond, messageBytesMax: load.limits.messageBytesMax)
        sendWritten()
    }
}

// MARK: Coming and going

extension RoomTransport {
    /// Takes its place in a room that has let it in.
    func enter(_ room: Identifier, isURLRoom: Bool) {
        let members = openMembers(of: room)
        memberships.entered(members, at: members.insert(self), isURLRoom: isURLRoom)
    }

    /// Gives up its place in a room.
    func exit(_ room: Identifier) {
        guard let left = memberships.left(room) else { return }
        delivery.remove(from: left.members, at: Int(left.index))
    }

    /// All that was queued is with the kernel: asks for more of a room's replay.
    func continueRoomReplay() {
        guard let info, let joining, let reached = joining.replayedTo else { return }
        self.joining = Joining(room: joining.room)
        core.send(RoomRequest.continueReplay(info, after: reached), of: joining.room)
    }

    /// Leaves the rooms, the user and the counts. The caller leaves the phase right behind it, and with it the
    /// connection's facts: so this happens once.
    /// - Parameter atOnce: how others see it go: at once, or with the grace.
    func leaveEverything(atOnce: Bool) {
        if isCounted {
            isCounted = false
            core.context.connections.giveBack()
            core.counters.connections.add(-1)
        }
        // Let go when the list is empty already: then others hear of it.
        let ordered = orders
        orders = []
        withExtendedLifetime(ordered) {}
        guard let info else { return }
        func leave(_ room: Identifier) {
            core.send(atOnce ? RoomRequest.leave(info, isAsked: false) : .lost(info), of: room)
        }
        if let joining { leave(joining.room) }
        while let left = memberships.leftNext() {
            delivery.remove(from: left.members, at: Int(left.index))
            leave(left.members.room)
        }
        core.send(UserRequest.detach(info, atOnce: atOnce), of: info.user)
    }
}
