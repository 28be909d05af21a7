import Core
import Overload
import Synchronization

/// Why a connection was refused.
package enum ConnectionRefusal: Int, CaseIterable, Sendable {
    case nodeFull, userLimit, addressLimit, openFiles, draining, shed, notAuthenticated, notAllowed, handshakes
    case heaviestAddress

    package var name: StaticString {
        switch self {
        case .nodeFull: "node_full"
        case .userLimit: "user_limit"
        case .addressLimit: "address_limit"
        case .openFiles: "open_files"
        case .draining: "draining"
        case .shed: "shed"
        case .notAuthenticated: "not_authenticated"
        case .notAllowed: "not_allowed"
        case .handshakes: "handshakes"
        case .heaviestAddress: "heaviest"
        }
    }
}

/// Why a message was refused.
package enum MessageRefusal: Int, CaseIterable, Sendable {
    case badFrame, rateLimited, notInRoom, outboxFull, storeFull, heaviest, forbidden, fenced

    package var name: StaticString {
        switch self {
        case .badFrame: "bad_frame"
        case .rateLimited: "rate_limited"
        case .notInRoom: "not_in_room"
        case .outboxFull: "outbox_full"
        case .storeFull: "store_full"
        case .heaviest: "heaviest"
        case .forbidden: "forbidden"
        case .fenced: "fenced"
        }
    }
}

/// The counters of one worker. The worker writes, anybody reads: relaxed atomics with one writer each, on cache lines
/// of their own.
package final class WorkerCounters: Sendable {
    /// A number with one writer.
    package struct Counter: ~Copyable, Sendable {
        private let cell = Atomic<Int>(0)
        package var value: Int { cell.load(ordering: .relaxed) }
        package func set(_ value: Int) { cell.store(value, ordering: .relaxed) }
        package func add(_ amount: Int) { cell.store(cell.load(ordering: .relaxed) &+ amount, ordering: .relaxed) }
    }

    package let connections = Counter()
    package let accepted = Counter()
    /// How late the last tick was.
    package let lagMilliseconds = Counter()
    package let queuedBytes = Counter()
    package let messagesIn = Counter()
    package let messagesOut = Counter()
    package let committed = Counter()
    package let provisional = Counter()
    package let inPerSecond = Counter()
    package let outPerSecond = Counter()
    package let slowReadersClosed = Counter()
    /// When the worker's loop last went round, on `Clock.monotonicMilliseconds()`: a stalled one is seen from outside.
    package let turnedAt = Counter()
    /// Of its delays the parts that are its own doing.
    package let own = OwnDelayCounters()
    /// From a message's arrival until it was handed to the kernel for its members.
    package let deliveryLatency = BucketHistogram()
    /// How long what arrives waits until it is looked at.
    package let queueDelay = BucketHistogram()
    /// Of the messages that it keeps.
    package let stored = StoredCounters()
    /// Of the worker's way to Redis.
    package let store = StoreCounters()

    private let shedCells = ShedKind.allCases.map { _ in Cell() }
    private let refusedConnections = ConnectionRefusal.allCases.map { _ in Cell() }
    private let refusedMessages = MessageRefusal.allCases.map { _ in Cell() }

    private final class Cell: Sendable { let counter = Counter() }

    package init() {}

    package func refused(_ reason: ConnectionRefusal) { refusedConnections[reason.rawValue].counter.add(1) }
    package func refused(_ reason: MessageRefusal) { refusedMessages[reason.rawValue].counter.add(1) }
    package func count(_ reason: ConnectionRefusal) -> Int { refusedConnections[reason.rawValue].counter.value }
    package func count(_ reason: MessageRefusal) -> Int { refusedMessages[reason.rawValue].counter.value }

    /// Counts what was given up because of the load.
    package func shed(_ kind: ShedKind, _ count: Int = 1) { shedCells[kind.rawValue].counter.add(count) }

    package func shedCount(_ kind: ShedKind) -> Int { shedCells[kind.rawValue].counter.value }
}

/// The parts of a worker's delays that are its own doing, see `OwnDelay`. The worker writes, anybody reads.
package final class OwnDelayCounters: Sendable {
    /// Of how late the last tick was.
    package let lagMilliseconds = WorkerCounters.Counter()
    /// Of the least that admitted messages waited between their arrival and being handed to the kernel, in the last
    /// window of the inner controller.
    package let queueDelayMicroseconds = WorkerCounters.Counter()
}
