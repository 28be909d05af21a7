import ClusterState
import Core
import Logging
import NetworkIO
import RedisLink
import Rooms

/// Events of the cluster's store, for the owner of a worker, on the worker's thread.
protocol ReplicationOwner: AnyObject {
    /// The store can't be reached: rooms and users go on with what they have.
    func storeLost()
    /// The store can be reached again, or was out of reach so shortly that nobody noticed: what waits is sent again.
    func storeReturned()
}

/// One worker's part in a cluster: its way to the store, what it keeps for the store while that is away, and what it
/// knows of the other nodes. There is none in single mode.
///
/// Thread: the worker's.
final class Replication {
    /// Lives of nodes that are remembered once they ended.
    private static let goneNodesMax = 64

    /// How long nodes have to say in which rooms a user's devices are, and who is online.
    private static let deviceMilliseconds = 1_000
    /// How long an operator waits for connections on other nodes to go into a room, or out of it. One whose input waits
    /// for a read does so behind it.
    private static let orderMilliseconds = 2_500
    /// How long nodes have to say where the entries of a former epoch stand; who comes with its position waits for it.
    static let forkMilliseconds = 2_500
    /// After how long without an answer they are asked again: a node that connects anew hears nothing of before.
    private static let forkAgainMilliseconds = 250

    static let awayText = "Redis is away, and this needs all nodes"

    /// The scripts of rooms and users.
    private static let scripts = [
        LogCommit.script, LogRange.script, RoomPresence.script, RoomPresence.pageScript, RoomFacts.script,
        RoomFacts.settingsScript, RoomInfo.script, RoomDeletion.script, ReadMark.script, UserSession.script,
        InboxCursors.script, PushClaim.script,
    ]

    private let core: WorkerCore
    /// Set before `start`.
    weak var owner: (any ReplicationOwner)?
    let store: any Store
    /// The way to the store; nil when somebody else says whether it can be reached, as tests do.
    private let link: StoreSupervisor?
    /// The store can't be reached.
    private(set) var isStoreAway = false
    /// The other nodes of the cluster, as last known.
    private(set) var otherNodes: [NodeRecord] = []
    /// When the store could last be reached again, loop milliseconds: it may know no other node yet.
    private var returnedAt: Int
    /// Nodes that have gone, by their runs, the last ones.
    private(set) var goneNodes: [String] = []
    /// Messages that are kept for the store.
    var outbox: Outbox
    /// When that is sent.
    let pace: ResyncPace
    /// Questions to other nodes about users.
    let deviceLocator: DeviceLocator
    /// Questions to other nodes about who is online there.
    let online: NodeQuestions<OnlineAnswer>
    /// An operator's orders to users' connections on other nodes.
    let orders: NodeQuestions<OrderAnswer>
    /// Questions to other nodes about former epochs of rooms.
    let forks: NodeQuestions<ForkAnswer>
    /// Who is in here, on its way to the store.
    let presence: PresenceLedger
    /// The reading of who is in elsewhere.
    let presenceReads = PresenceReads()
    /// Where other nodes have until then to say who is in.
    private var toSettle = TimedQueue<ClusterPresence>()

    /// In Redis. Begins to connect by `start`.
    convenience init(_ core: WorkerCore, _ options: RedisOptions) throws(SystemError) {
        var logger = core.logger
        logger[metadataKey: "worker"] = "\(core.index)"
        let link = StoreSupervisor(
            options, name: "\(core.context.boot):\(core.index)", scripts: Self.scripts, loop: core.loop, logger: logger,
            seed: core.random.next(), counters: core.counters.store)
        try self.init(core, link.store, link)
        link.owner = self
    }

    init(_ core: WorkerCore, _ store: any Store, _ link: StoreSupervisor? = nil) throws(SystemError) {
        self.core = core
        self.store = store
        self.link = link
        let (configuration, workers) = (core.configuration, core.context.workerCount)
        outbox = Outbox(
            messagesMax: max(configuration.outboxMessagesMax / workers, 1),
            bytesMax: max(configuration.outboxBytesMax / workers, 1))
        pace = try ResyncPace(core.loop)
        returnedAt = core.loop.now
        let worker = "\(core.context.boot):\(core.index)"
        deviceLocator = DeviceLocator(channel: "sluice:answers:\(worker)", waitMilliseconds: Self.deviceMilliseconds)
        online = NodeQuestions(
            channel: "sluice:online-answers:\(worker)", waitMilliseconds: Self.deviceMilliseconds)
        orders = NodeQuestions(
            channel: "sluice:order-answers:\(worker)", waitMilliseconds: Self.orderMilliseconds)
        forks = NodeQuestions(
            channel: "sluice:fork-answers:\(worker)", waitMilliseconds: Self.forkMilliseconds,
            againMilliseconds: Self.forkAgainMilliseconds)
        presence = PresenceLedger(store, boot: core.context.boot, logger: core.logger, events: core.events)
    }

    /// Begins to connect; the owner may be notified before this returns.
    func start() { link?.start() }

    func stop() {
        link?.stop()
        pace.stop()
    }

    /// At each tick of the loop.
    func ticked() {
        link?.ticked()
        while let first = toSettle.first, first.time <= core.loop.now {
            toSettle.removeFirst()
            first.element.settle()
        }
        presence.ticked(at: core.loop.now)
        presenceReads.ticked(at: core.loop.now)
        deviceLocator.ticked(at: core.loop.now)
        online.ticked(at: core.loop.now)
        orders.ticked(at: core.loop.now)
        forks.ticked(at: core.loop.now)
        core.counters.store.outboxMessages.set(outbox.messages)
        core.counters.store.outboxBytes.set(outbox.bytes)
    }

    /// Other nodes have until `time` (loop milliseconds, never earlier than before) to say who is in.
    func settle(_ presence: ClusterPresence, at time: Int) { toSettle.append(presence, at: time) }

    // MARK: Commits

    /// One of how many messages of rooms the store must keep now.
    var storedOneOf: Int { if case .sampled(let count) = core.load.policy.storage { count } else { 1 } }

    // MARK: Other nodes

    /// The runs of those that must answer before it is clear that nobody knows of a former epoch; empty: there is
    /// nobody. A store that lost its data has no node until that beats again: so for a while after it could be reached
    /// again there may be one that nobody knows of, who can only be waited for.
    var nodesToAsk: Set<String> {
        var boots = Set(otherNodes.map(\.boot))
        if core.loop.now - returnedAt < Self.forkMilliseconds { boots.insert(Self.unknownBoot) }
        return boots
    }

    /// No node's run.
    private static let unknownBoot = ""

    /// Answers another node's question about a former epoch.
    func answer(_ question: ForkQuestion, epoch: String, _ map: FormerMap) {
        let answer = ForkAnswer(question: question.number, boot: core.context.boot, epoch: epoch, map: map)
        let channel = Array(question.answerChannel.utf8)
        store.perform(.publish(channel: channel, payload: answer.payload), in: .reads) { _ in }
    }

    /// The other nodes, as they are known now: after each beat.
    func nodesChanged(_ nodes: [NodeRecord]) {
        otherNodes = nodes
        // One that counted as gone may live after all.
        if !goneNodes.isEmpty { goneNodes.removeAll { boot in nodes.contains { $0.boot == boot } } }
        presence.nodesChanged(otherNodes.map(\.boot), gone: goneNodes)
    }

    /// How long ago a message of the store was sent, in milliseconds, by the store's clock: this node's may have been
    /// set.
    func age(of unixTime: Int) -> Int {
        let offset = core.context.controlStore.clockOffset.value
        return offset == 0 ? 0 : max(0, core.loop.now + offset - unixTime)
    }

    /// The present time by the store's clock, which all nodes share, in Unix milliseconds; this node's own before the
    /// store has said what time it is.
    var sharedNow: Int {
        let offset = core.context.controlStore.clockOffset.value
        return offset == 0 ? core.loop.unixNow : core.loop.now + offset
    }

    /// A node's life has ended: what it held for the cluster counts no more. After `nodesChanged`.
    func nodeGone(_ boot: String) {
        goneNodes.append(boot)
        if goneNodes.count > Self.goneNodesMax { goneNodes.removeFirst() }
        presence.nodesChanged(otherNodes.map(\.boot), gone: goneNodes)
    }
}

extension Replication: StoreObserver {
    var messagesKept: Int { outbox.messages }

    func storeLost() {
        guard !isStoreAway else { return }
        isStoreAway = true
        presence.storeLost()
        owner?.storeLost()
    }

    func storeReturned() {
        isStoreAway = false
        returnedAt = core.loop.now
        owner?.storeReturned()
        presence.storeReturned()
    }
}
