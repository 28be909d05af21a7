import ClusterState
import Core
import Logging
import NetworkIO
import Overload
import Synchronization
import WireProtocol

/// Shared by all workers of a node: immutable facts, atomics, and each other's mailboxes. Any thread.
package final class NodeContext: MailSender, Sendable {
    package let configuration: Configuration
    /// The node's name in the cluster and for clients.
    package let nodeID: String
    /// Names this process among all that were ever called `nodeID`; random.
    package let boot: String
    /// Where others reach it: host and port.
    package let address: String
    private let started: Moment
    package let mailboxes: [Mailbox<WorkerMessage>]
    /// Work for the control loop.
    let mail = ControlMail()
    /// Of the outbound links.
    let links = LinkDesk()
    package let counters: [WorkerCounters]
    /// Of the control loop's way to Redis.
    package let controlStore = StoreCounters()
    package let access: AccessPolicy
    package let site: Site
    /// How the governor stands, as the control loop last found.
    package let governor: Locked<GovernorReport>
    /// The alerts that are on, as the control loop last found.
    package let alerts = Locked<[Alert.Active]>([])
    /// The reports for operators that were made lately, by any worker.
    let reports = Reports()
    let events: EventFeed
    package let connections: ConnectionCap
    package let budgets: NodeBudgets
    let incidents: IncidentLog
    private let draining = Atomic<Bool>(false)

    /// - Parameters:
    ///   - memoryMax: the memory that the process may use, in bytes; nil: not known.
    ///   - tokens: where the keys of clients' tokens are read; nil: nobody is asked for any.
    package init(
        configuration: Configuration, nodeID: String, port: UInt16, logger: Logger, connectionsMax: Int,
        openFilesMax: Int, startedAt: Int, memoryMax: Int? = nil, tokens: TokenSource? = nil
    ) {
        self.configuration = configuration
        self.nodeID = nodeID
        address = Self.address(configuration, port: port)
        connections = ConnectionCap(most: connectionsMax, openFilesMax: openFilesMax)
        budgets = NodeBudgets(
            rooms: RoomCap(most: configuration.roomsMax),
            stored: StoredBudget(configured: configuration.storedBytesMax, memoryMax: memoryMax),
            input: .input(
                memoryMax: memoryMax,
                messageBytesMax: configuration.servesEcho
                    ? EchoLimits.messageBytesMax : configuration.messageBytesMax),
            output: .output(memoryMax: memoryMax, queueBytesMax: configuration.sendQueueBytesMax),
            addresses: AddressBook(configuration.addressLimits))
        incidents = IncidentLog(logger)
        started = Moment(now: Clock.monotonicMilliseconds(), unix: startedAt)
        var report = GovernorReport(since: startedAt)
        report.isDryRun = configuration.governor.isDryRun
        governor = .init(report)
        boot = String(Digest.random(count: 8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }, radix: 36)
        events = EventFeed(EventHistory(node: nodeID, boot: boot))
        mailboxes = (0..<configuration.workers).map { _ in Mailbox() }
        counters = (0..<configuration.workers).map { _ in WorkerCounters() }
        access = AccessPolicy(
            gate: APIKeyGate(keys: configuration.apiKeys),
            credentials: Credentials(tokens: tokens?.first, certificate: configuration.certificate?.first))
        site = Site()
    }

    package var logger: Logger { incidents.logger }

    package var workerCount: Int { mailboxes.count }

    /// Unix milliseconds, for people.
    package var startedAt: Int { started.unix }
    /// For how long the process has run, whatever became of the wall clock.
    package var uptimeSeconds: Int { (Clock.monotonicMilliseconds() - started.now) / 1000 }

    /// Whether the node is on its way out and takes nobody new.
    package var isDraining: Bool { draining.load(ordering: .relaxed) }
    package func beginDraining() { draining.store(true, ordering: .relaxed) }

    /// The worker that a room, a user or an address is at home on, for the life of the process: by a hash under the
    /// process' random seed, so that nobody outside can choose names that all land on one worker.
    package func home(of identifier: Identifier) -> Int {
        guard workerCount > 1 else { return 0 }
        var hasher = Hasher()
        identifier.hash(into: &hasher)
        // Other bits than the tables of one worker take, which so stay even.
        return Int((UInt64(UInt32(truncatingIfNeeded: hasher.finalize() >> 24)) * UInt64(workerCount)) >> 32)
    }

    /// When a client that lost its connection should come back: spread so that all of them arrive at a rate of some
    /// thousand per second.
    package var reconnectWindow: ClosedRange<Int> {
        100...(1000 + connections.count / 4)
    }

    /// For how long a message id is known at present: DEDUPE_WINDOW_SECONDS, or less where a worker is short of memory
    /// for ids.
    package var dedupeMilliseconds: Int {
        let workers = counters.map { $0.stored.idsMilliseconds.value }.filter { $0 > 0 }
        return min(workers.min() ?? .max, configuration.dedupeWindowMilliseconds)
    }

    /// Sends a message from a thread that is no worker's.
    func send(_ message: WorkerMessage, to worker: Int) { mailboxes[worker].post([message]) }

    /// Has every worker do something.
    func order(_ order: ControlOrder) {
        for mailbox in mailboxes { mailbox.post([.control(order)]) }
    }

    /// A moment within the reconnect window.
    package func retryMilliseconds() -> Int { Int.random(in: reconnectWindow) }
}
