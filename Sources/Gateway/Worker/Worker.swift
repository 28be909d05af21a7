import ControlPlane
import Foundations
import Logging
import NetworkIO
import Rooms
import WireProtocol

/// One thread of a node: its loop, its connections, and the rooms and users that are at home on it.
///
/// Thread: its own. Other workers are reached by `post`; what happens for a room or user that is at home here is a
/// plain call, so that nothing is queued on the way from a socket to the sockets of the same worker.
package final class Worker {
    package let index: Int
    package let context: NodeContext
    package let loop: EventLoop
    let logger: Logger
    let handshakeDigest = HandshakeDigest()
    /// For spreading things in time.
    var random = FastRandom(seed: Digest.random(count: 8).reduce(0) { $0 << 8 | UInt64($1) })

    /// Rooms that are at home here.
    var rooms = IdentifierTable<RoomHome>()
    /// Connections of this worker by room, wherever that is at home.
    var members = IdentifierTable<RoomMembers>()
    /// Rooms at home here that fell empty, the one that did so first in front.
    var idleRooms = TimedQueue<Identifier>()
    /// Users at home here that went, likewise.
    var idleUsers = TimedQueue<Identifier>()
    /// Rooms and inboxes at home here with message ids or entries that expire.
    var roomsWithIDs: ContiguousArray<RoomHome> = []
    var usedInboxes: ContiguousArray<Inbox> = []
    /// While a batch is delivered: of each cut, the next one of the same connection, or -1.
    var nextCuts: ContiguousArray<Int32> = []
    /// Users that are at home here.
    var users = UserTable()
    /// Connections by effective address, for addresses that are at home here; used when there is a limit.
    var addresses: [Identifier: Int] = [:]
    /// Lost connections that may come back.
    var graces = TimedQueue<Grace>()

    /// Writes one JSON text after the other.
    var writer = JSONWriter()
    /// Compresses for those who agreed to it, and inflates what they send.
    let compressor = MessageCompressor()
    /// The heartbeat frame, shared by all.
    let pingFrame = FrameEncoder.frame(.ping, UnsafeRawBufferPointer(start: nil, count: 0))

    private var acceptor: Acceptor?
    var acceptPace: AcceptPace
    /// The way to what the cluster shares; nil in single mode.
    private(set) var storeLink: StoreLink?
    var store: (any Store)? { storeLink?.store }
    /// The store can't be reached.
    var isStoreAway = false
    /// The other nodes of the cluster, as last known.
    var otherNodes: [NodeRecord] = []
    /// Connections that listen to the node's events.
    var eventStreams: [Connection] = []
    /// The locks of the cluster that this node has, as of the last change.
    var locks = NodeLocks.Report()
    /// Rooms with messages that are to be sent to the store, at the end of this turn or when the window is over.
    var roomsToCommit: ContiguousArray<SharedRoom> = []
    var commitWindow = CommitWindow()
    /// Begins the turn at whose end the window is over.
    private(set) var commitTimer: PreciseTimer?
    /// Nodes that have gone, by their runs, the last ones.
    var goneNodes: [String] = []
    /// Users at home here whose inbox and devices the cluster shares.
    var sharedUsers: [Identifier: SharedUser] = [:]
    var usersToCommit: ContiguousArray<SharedUser> = []
    /// Absent users who are sent messages, when there is a webhook.
    var pushBursts = PushBursts()
    /// What other nodes are asked about users.
    let whereabouts: WhereaboutsDesk
    /// Where other nodes have until then to say who is in.
    var toSettle = TimedQueue<ClusterPresence>()
    /// What is kept for the store, and when it is sent.
    var outbox: Outbox
    private(set) var resyncPace: ResyncPace?
    /// Publishing requests that wait for their message's place.
    var publications: [UInt64: Responder] = [:]
    var nextPublication: UInt64 = 0
    /// Rooms that said something in this turn; one that was flushed early may stand here twice.
    private var dirtyRooms: ContiguousArray<RoomHome> = []
    /// Batches to be filled again.
    var batchPool: ContiguousArray<RoomBatch> = []
    /// Connections that fell too far behind in this turn.
    var slowReaders: ContiguousArray<Connection> = []
    private var parcels: [ContiguousArray<Letter>]
    var gathers: [Int: Gather] = [:]
    var nextGather = 0
    /// Connections that are to be closed at a time of their own while the node drains, soonest last.
    private var drainPlan: [(due: Int, key: UInt64)] = []
    private(set) var isDraining = false
    private var isFinished = false
    private var names = NameMaker()
    private var ticks = 0
    private var rates = Rates()
    var load: LoadControl
    /// What counts as a flood.
    let floodPolicy: RatePolicy
    let defaultSettings: RoomSettings
    /// Called when draining is over and the last connection went.
    private let finished: @Sendable (Int) -> Void

    package init(
        index: Int, context: NodeContext, listener: ListeningSocket, finished: @escaping @Sendable (Int) -> Void
    ) throws(SystemError) {
        self.index = index
        self.context = context
        self.finished = finished
        logger = context.logger
        outbox = Outbox(
            messagesMax: max(context.configuration.outboxMessagesMax / context.workerCount, 1),
            bytesMax: max(context.configuration.outboxBytesMax / context.workerCount, 1))
        floodPolicy = RatePolicy(perSecond: context.configuration.messagesPerSecond)
        defaultSettings = RoomSettings(historySize: context.configuration.historySize)
        parcels = Array(repeating: [], count: context.workerCount)
        whereabouts = WhereaboutsDesk(boot: context.boot, worker: index)
        loop = try EventLoop()
        load = LoadControl(context.configuration, at: loop.now)
        acceptPace = AcceptPace(startedAt: loop.now)
        loop.delegate = self
        acceptor = try Acceptor(
            listener, loop: loop, refusal: RefusalResponse.tooManyOpenFiles, delegate: self)
        context.mailboxes[index].connect(to: loop.wakeHandle)
        if let options = context.configuration.redis {
            resyncPace = try ResyncPace(loop)
            commitTimer = try PreciseTimer(loop: loop) {}
            var linkLogger = logger
            linkLogger[metadataKey: "worker"] = "\(index)"
            storeLink = StoreLink(
                options, scripts: Self.scripts, loop: loop, logger: linkLogger,
                seed: random.next(),
                counters: counters.store, owner: self)
        }
    }

    /// Serves until the drain is over.
    package func run() {
        storeLink?.start()
        loop.run()
        context.mailboxes[index].connect(to: nil)
    }

    /// Frames for single connections: acks, errors, pongs.
    var scratch: FrameArena {
        @inline(__always) get { loop.scratch }
        @inline(__always) _modify { yield &loop.scratch }
    }

    var counters: WorkerCounters { context.counters[index] }
    var configuration: Configuration { context.configuration }
    /// Whether messages to those who agreed to compression are compressed; they take them plain as well.
    var compresses: Bool { configuration.compresses && load.policy.compresses }

    /// A name that no other room, message, session or device of this process has.
    func makeName(after head: String = "") -> String { names.next(after: head) }

    /// A number that this worker has not given out before, unless it gave out four billion.
    func makeNumber() -> UInt32 { UInt32(truncatingIfNeeded: names.nextNumber()) }

    /// What all names of this worker begin with.
    var namePrefix: String { names.prefix }

    /// An id for a message that came without one; valid until the next.
    func makeMessageID() -> UnsafeRawBufferPointer { names.nextBytes() }

    // MARK: Mail

    /// Runs `work` on a worker's thread: at once when it is this one, else after everything posted there before.
    func post(to worker: Int, _ work: @escaping @Sendable (Worker) -> Void) {
        if worker == index { work(self) } else { parcels[worker].append(.run(work)) }
    }

    func send(_ letter: Letter, to worker: Int) { parcels[worker].append(letter) }

    private func handle(_ letter: Letter) {
        switch letter {
        case .publish(let message): publishRemote(message)
        case .deliver(let batch): deliver(batch, to: members[batch.room], isTurnEnding: false)
        case .run(let work): work(self)
        }
    }

    // MARK: Turns

    /// The batch that takes what a room says; it is delivered at the end of this turn.
    func openBatch(of home: RoomHome) -> RoomBatch {
        if let batch = home.batch { return batch }
        let batch = batchPool.popLast() ?? RoomBatch(room: home.room.id)
        batch.room = home.room.id
        home.batch = batch
        dirtyRooms.append(home)
        return batch
    }

    private func closeSlowReaders() {
        while let connection = slowReaders.popLast() { connection.closeAsTooSlow() }
    }

    private func endTurn() {
        counters.turnedAt.set(loop.now)
        commitSubmitted()
        if !loop.isCollecting { flushRooms() }
        closeSlowReaders()
        for worker in parcels.indices where !parcels[worker].isEmpty {
            context.mailboxes[worker].post(parcels[worker])
            parcels[worker] = []
        }
    }

    private func flushRooms() {
        var position = 0
        while position < dirtyRooms.count {
            flush(dirtyRooms[position], isTurnEnding: true)
            position += 1
        }
        dirtyRooms.removeAll(keepingCapacity: true)
    }

    // MARK: Life cycle

    /// Tells every client when it will be closed, and closes them one after the other within `duration` milliseconds.
    package func beginDraining(within duration: Int) {
        guard !isDraining else { return }
        isDraining = true
        sendPushes(to: pushBursts.takeAll())
        for case let connection as Connection in loop.sockets.all {
            guard connection.isChatting else {
                connection.closeForDrain()
                continue
            }
            let deadline = duration > 0 ? Int.random(in: 0...duration, using: &random) : 0
            writer.drain(reconnect: context.reconnectWindow, deadlineMilliseconds: deadline)
            connection.sendWritten()
            drainPlan.append((loop.now + deadline, connection.key))
        }
        drainPlan.sort { $0.due > $1.due }
        continueDraining()
    }

    private func continueDraining() {
        guard isDraining else { return }
        while let next = drainPlan.last, next.due <= loop.now {
            drainPlan.removeLast()
            (loop.socket(next.key) as? Connection)?.closeForDrain()
        }
        if drainPlan.isEmpty, !isFinished, !loop.sockets.all.contains(where: { $0 is Connection }) {
            isFinished = true
            finished(index)
        }
    }

    /// Ends the loop; what is still open is cut off.
    package func stop() {
        acceptor?.close()
        acceptor = nil
        storeLink?.stop()
        resyncPace?.stop()
        commitTimer = nil
        for socket in loop.sockets.all { socket.close() }
        loop.stop()
    }

    /// Lets the acceptor take as many as it may until the next tick.
    func paceAccepting() {
        acceptor?.ticked(acceptsMax: acceptPace.acceptsMax(perMilliseconds: EventLoop.tickMilliseconds, at: loop.now))
    }

    private func publishCounters() {
        counters.lagMilliseconds.set(loop.takeLag())
        counters.rooms.set(rooms.count)
        counters.store.outboxMessages.set(outbox.messages)
        counters.store.outboxBytes.set(outbox.bytes)
        guard ticks % 4 == 0 else { return }
        counters.queuedBytes.set(loop.sockets.all.reduce(0) { $0 + $1.queuedBytes })
        rates.sample(counters, at: loop.now)
    }
}

extension Worker: EventLoopDelegate {
    package func loopWoken() {
        for letter in context.mailboxes[index].takeAll() { handle(letter) }
    }

    package func loopTicked() {
        ticks += 1
        counters.turnedAt.set(loop.now)
        publishCounters()
        paceAccepting()
        endGraces()
        if ticks % 4 == 0 { expireIdle() }
        storeLink?.ticked()
        settlePresence()
        settleDebts()
        tellTier()
        logLoad()
        whereabouts.ticked(at: loop.now)
        sendPushes(to: pushBursts.takeDue(at: loop.now))
        if storeLink != nil, ticks % 8 == 0 { pollShared() }
        continueDraining()
    }

    package func loopTurnEnding() { endTurn() }

    package func loopTurnEnded() {
        compressor.turnEnded()
        load.turnEnded(loop, counters, isDryRun: configuration.governor.isDryRun)
        resyncPace?.turnEnded()
    }
}

extension Worker: AcceptorDelegate {
    package func accepted(_ descriptor: Int32, from address: PeerAddress) {
        do {
            _ = try Connection(descriptor: descriptor, worker: self, peer: address)
            counters.accepted.add(1)
        } catch {
            // The kernel is out of memory for one more watched socket; the descriptor was closed with the attempt.
            logger.error("a connection could not be watched", metadata: ["error": "\(error)"])
        }
    }

    package func refusedForLackOfDescriptors() {
        counters.refused(.openFiles)
    }
}

/// Deliveries and messages per second, over the last second.
private struct Rates {
    private var messagesIn = 0
    private var messagesOut = 0
    private var sampledAt = 0

    mutating func sample(_ counters: WorkerCounters, at now: Int) {
        let elapsed = max(now - sampledAt, 1)
        counters.inPerSecond.set((counters.messagesIn.value - messagesIn) * 1000 / elapsed)
        counters.outPerSecond.set((counters.messagesOut.value - messagesOut) * 1000 / elapsed)
        messagesIn = counters.messagesIn.value
        messagesOut = counters.messagesOut.value
        sampledAt = now
    }
}
