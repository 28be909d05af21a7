import ClusterState
import Core
import Logging
import NetworkIO
import Overload
import Rooms
import WireProtocol

/// Takes the messages for one worker.
protocol WorkerMessageReceiver: AnyObject {
    func received(_ message: WorkerMessage)
}

/// The ground that all parts of a worker stand on: its loop, clock, scratch memory, counters, ids, load and outgoing
/// mail. It knows nothing of rooms, users and connections.
///
/// Thread: the worker's.
package final class WorkerCore: MailSender {
    package let index: Int
    package let context: NodeContext
    package let loop: EventLoop
    let logger: Logger
    /// Whether each frame has a line in the log.
    let isTracing: Bool
    /// For spreading things in time.
    @exclusivity(unchecked) var random = FastRandom(seed: Digest.random(count: 8).reduce(0) { $0 << 8 | UInt64($1) })
    @exclusivity(unchecked) var ids = IDGenerator()
    @exclusivity(unchecked) private var heldWriter = JSONWriter()
    /// Of `writer`.
    @exclusivity(unchecked) private var writing = AccessWatch()
    /// Compresses for those who agreed to it, and inflates what they send.
    let compressor = MessageCompressor()
    /// As last read; those of the start until then.
    var credentials: Credentials
    /// The tier's policy and limits, and the inner controller.
    let load: LoadControl
    /// The messages that the worker keeps, within the node's budget.
    let stored: StoredShare
    /// The input that connections hold, within the node's budget.
    @exclusivity(unchecked) var input: HeldMemory
    /// The output of connections that the kernel did not take, within the node's budget.
    @exclusivity(unchecked) var output: HeldMemory
    /// The reads of connections that wait for their turn.
    @exclusivity(unchecked) var reads = ReadTurns()
    /// Sockets that fell too far behind in this turn, to be closed at its end.
    @exclusivity(unchecked) var slowReaders: ContiguousArray<Socket> = []
    /// Keys of sockets whose messages were all answered in this turn and that are closed at its end.
    @exclusivity(unchecked) var answeredKeys: ContiguousArray<UInt64> = []
    /// Takes what is sent to this worker by itself. Set once by the owner, which lives as long.
    unowned(unsafe) var receiver: (any WorkerMessageReceiver)?
    @exclusivity(unchecked) private var outgoing: Outgoing

    /// Mail that is posted at the end of this turn.
    private struct Outgoing {
        /// By worker: what goes to its mailbox.
        var messages: [ContiguousArray<WorkerMessage>]
        /// For the operator's server.
        let events: EventWriter?
    }

    /// - Parameter now: loop milliseconds by which the load is looked at; nil: the loop's.
    package init(index: Int, context: NodeContext, at now: Int? = nil) throws(SystemError) {
        self.index = index
        self.context = context
        logger = context.logger
        credentials = context.access.credentials
        isTracing = context.logger.logLevel <= .trace
        outgoing = Outgoing(
            messages: Array(repeating: [], count: context.workerCount), events: EventWriter(context))
        loop = try EventLoop()
        load = LoadControl(context.configuration, at: now ?? loop.now)
        stored = StoredShare(context: context, index: index)
        input = HeldMemory(context.budgets.input, workerCount: context.workerCount)
        output = HeldMemory(context.budgets.output, workerCount: context.workerCount)
    }

    /// Writes one JSON text after the other. While a text is being added to, nobody else may use the writer.
    var writer: JSONWriter {
        @inline(__always) _read {
            writing.assertIsFree()
            yield heldWriter
        }
        @inline(__always) _modify {
            writing.begins()
            defer { writing.ends() }
            yield &heldWriter
        }
    }

    /// Frames for single connections: acks, errors, pongs. Valid until the end of the turn.
    var scratch: FrameArena {
        @inline(__always) _read { yield loop.scratch }
        @inline(__always) _modify { yield &loop.scratch }
    }

    /// The frame around the text in `writer`, valid until the end of the turn.
    func writtenFrame() -> FrameSlice { scratch.frame(.text, writer.bytes) }

    /// Takes events for the operator's server; nil when that wants none.
    var events: EventWriter? { outgoing.events }
    var counters: WorkerCounters { context.counters[index] }
    var configuration: Configuration { context.configuration }
    /// Whether messages to those who agreed to compression are compressed; they take them plain as well.
    var compresses: Bool { configuration.compresses && load.policy.compresses }

    /// Bytes of history that one answer carries while a connection catches up; the rest follows when these are with
    /// the kernel, so that a long replay never fills the connection's queue.
    var replayBytesMax: Int { min(256 * 1024, load.limits.sendQueueBytesMax / 2) }

    /// An id that no other room, message, session or device of this process has.
    func makeID(after head: String = "") -> String { ids.next(after: head) }

    /// A number that this worker has not given out before, unless it gave out four billion.
    func makeNumber() -> UInt32 { UInt32(truncatingIfNeeded: ids.nextNumber()) }

    /// The facts of a connection that is let in now.
    /// - Parameter unixTime: when it came, in Unix milliseconds.
    func makeInfo(_ arrival: Arrival, at unixTime: Int) -> ConnectionInfo {
        ConnectionInfo(
            user: arrival.user, device: arrival.device ?? Identifier(unchecked: makeID(after: "d-")),
            deviceType: arrival.deviceType, worker: arrival.worker, socketKey: arrival.socketKey,
            connectedAt: unixTime, userNumber: makeNumber(), windowBits: arrival.windowBits,
            isDeviceNamed: arrival.device != nil)
    }

    /// How long somebody should wait whose request the tier suspends: no tier is left sooner.
    func suspensionMilliseconds() -> Int { Int.random(in: 5_000...15_000, using: &random) }

    // MARK: Fair turns

    /// The time, if it matters who makes the work that begins now (`Clock.monotonicNanoseconds()`).
    @inline(__always)
    func workBegins() -> Int? { load.watchesSources ? Clock.monotonicNanoseconds() : nil }

    /// A connection of any worker has taken this worker's time since `start`, which `workBegins` gave.
    func worked(since start: Int, for info: ConnectionInfo) {
        load.controller.turns.worked(
            Clock.monotonicNanoseconds() - start,
            by: .connection(worker: info.worker, socketKey: info.socketKey), (info.user, nil))
    }

    /// Input of a socket of this worker has taken its time since `start`. That of HTTP counts for its address, as
    /// requests of many may come over one connection.
    func worked(since start: Int, _ key: UInt64, _ info: ConnectionInfo?, _ source: Client, isHTTP: Bool) {
        let key: SourceLedger.Key =
            isHTTP ? .requests(source.address) : .connection(worker: index, socketKey: key)
        load.controller.turns.worked(
            Clock.monotonicNanoseconds() - start, by: key, (info?.user, source.address))
    }

    /// A handshake of TLS has taken this worker's time. It counts for its address, as requests do.
    func shookHands(nanoseconds: Int, of address: IPAddress) {
        guard load.controller.watchesSources else { return }
        load.controller.turns.worked(nanoseconds, by: .requests(address), (nil, address))
    }

    /// Whether this worker has no turn for a handshake of TLS of an address, which is the heaviest source: it has
    /// nothing to say that with but the end of the connection. A refusal is counted.
    func refusesHandshake(of address: IPAddress) -> Bool {
        guard load.controller.turns.isLimiting else { return false }
        let refuses =
            load.controller.turns.refuses(.requests(address), user: nil, address: address, using: &random) != nil
        if refuses { counters.refused(.heaviestAddress) }
        return refuses
    }

    /// Whether this worker has no turn for a connection's request, because it, its user or its address is the heaviest
    /// source: then milliseconds after which it may come again. A refusal is counted.
    @inline(__always)
    func refusesTurn(of info: ConnectionInfo, address: IPAddress?) -> Int? {
        guard load.controller.turns.isLimiting else { return nil }
        let retry = load.controller.turns.refuses(
            .connection(worker: info.worker, socketKey: info.socketKey), user: info.user, address: address,
            using: &random)
        if retry != nil { counters.refused(.heaviest) }
        return retry
    }

    /// The text of such a refusal.
    static let noTurnText: StaticString =
        "the node has more to do than it can, and this connection, user or address has more than its share of it"

    /// Whether this worker has no turn for what somebody says in a room, because that is the heaviest source: then
    /// milliseconds after which it may come again. A refusal is counted.
    @inline(__always)
    func refusesTurn(in room: Identifier) -> Int? {
        guard load.controller.turns.isLimiting else { return nil }
        let retry = load.controller.turns.refuses(in: room, using: &random)
        if retry != nil { counters.refused(.heaviest) }
        return retry
    }

    /// The text of such a refusal.
    static let noRoomTurnText: StaticString =
        "the node has more to do than it can, and this room has more than its share of it"

    /// Takes a room or an inbox into its maker's quota; milliseconds until the next one, when that is used up.
    func refusesMaking(by maker: Client?) -> Int? {
        guard let maker, let retry = context.budgets.addresses.refusesMaking(by: maker, at: loop.now) else {
            return nil
        }
        counters.refused(.rateLimited)
        return retry
    }

    // MARK: Reads

    /// Calls `question`, which asks a home, when the connection's turn among all reads has come; at once if there is
    /// nobody before it. Its input is kept back until the answer, so that it has one read at a time.
    /// - Parameters:
    ///   - key: of its socket.
    ///   - bytesMax: the most that the answer may be, about.
    func read(by key: UInt64, of address: IPAddress?, bytesMax: Int, _ question: @escaping ReadTurns.Question) {
        reads.asked(question, key, of: address, bytesMax: bytesMax)
        beginReads()
    }

    /// Begins the reads whose turn it is, as many as this turn has place for.
    private func beginReads() {
        while let question = reads.next(isHeldBack: { output.isHalfFull($0) }) {
            let start = Clock.monotonicNanoseconds()
            question()
            reads.took(nanoseconds: Clock.monotonicNanoseconds() - start)
        }
    }

    /// At the end of a turn, or of a round, as answers leave with it: begins what waits; the loop turns on without
    /// waiting while there is more.
    func continueReads() {
        beginReads()
        if reads.turnEnded(), loop.roundMilliseconds == 0 { loop.wakeHandle.wake() }
    }

    /// A socket is gone: what it held is free, and its read gives up its turn.
    func forget(_ key: UInt64) {
        input.holds(0, key)
        output.holds(0, key)
        reads.ended(key)
    }

    // MARK: Memory

    /// Messages were stored: makes place when the node holds too much.
    @inline(__always)
    func messagesGrew() { if stored.isDue { settleStored() } }

    /// Compares what the node has stored with its budget.
    func settleStored() { if let other = stored.settle() { send(.settleStored, to: other) } }

    /// When to try again what was refused for lack of memory: space comes with time, or with acks.
    func storeFullMilliseconds() -> Int { Int.random(in: 1_000...3_000, using: &random) }

    // MARK: Mail

    /// Hands a message to a worker: to this one by a call before `send` returns, to another one at the end of the turn,
    /// behind all that was sent there before.
    func send(_ message: WorkerMessage, to worker: Int) {
        if worker == index { receiver?.received(message) } else { outgoing.messages[worker].append(message) }
    }

    func send(_ request: RoomRequest, of room: Identifier) { send(.room(room, request), to: context.home(of: room)) }
    func send(_ request: UserRequest, of user: Identifier) { send(.user(user, request), to: context.home(of: user)) }
    func send(_ notice: MemberNotice, to info: ConnectionInfo) { send(.member(info, notice), to: info.worker) }

    /// Answers a message of a connection with the frame in `writer`, behind what was sent to its worker before. Each
    /// message gets one answer.
    func answerWritten(_ info: ConnectionInfo) { send(.answer(writtenFrame()), to: info) }

    /// The same for the answer to a read: the connection's input goes on behind it.
    func answerReadWritten(_ info: ConnectionInfo) { send(.readAnswer(writtenFrame()), to: info) }

    /// Posts what was sent to other workers, and to the operator's server, in this turn.
    func postOutgoing() {
        events?.post()
        for worker in outgoing.messages.indices where !outgoing.messages[worker].isEmpty {
            context.mailboxes[worker].post(outgoing.messages[worker])
            outgoing.messages[worker] = []
        }
    }
}
