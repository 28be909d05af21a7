import ClusterState
import Core
import Rooms

@testable import Gateway

/// The data of one simulated server, and what wrote them: so that a copy that lags behind can be made at any time.
final class SimulatedCopy {
    private(set) var memory: MemoryStore
    private(set) var writes: [(operation: StoreOperation, microseconds: Int)] = []
    /// The time of the operation that runs.
    private final class Clock { var microseconds = SimulatedCluster.firstMicroseconds }
    private let clock = Clock()

    /// - Parameter writes: those that it has seen.
    init(boot: Int, _ writes: ArraySlice<(operation: StoreOperation, microseconds: Int)> = []) {
        let clock = clock
        memory = MemoryStore(boot: String(boot, radix: 16)) { clock.microseconds }
        for write in writes { perform(write.operation, at: write.microseconds) { _ in } }
    }

    func perform(_ operation: StoreOperation, at microseconds: Int, _ completion: @escaping (StoreResult) -> Void) {
        clock.microseconds = microseconds
        if operation.mayWrite { writes.append((operation, microseconds)) }
        memory.perform(operation, in: .commits, completion)
    }

    func listen(_ channel: [UInt8], _ received: @escaping ([UInt8]) -> Void) {
        memory.subscribe(channel) { if case .message(let payload) = $0 { received(payload) } }
    }
}

extension StoreOperation {
    /// Whether it may change something that a later operation sees.
    fileprivate var mayWrite: Bool {
        switch self {
        case .get, .exists, .scan, .timeToLive, .hashGet, .hashGetSome, .hashGetAll, .listRange, .listLength,
            .sortedSetRange, .sortedSetRangeByMember, .sortedSetScore, .sortedSetCount, .streamRange,
            .streamReverseRange, .publish, .time, .serverInfo:
            false
        case .script(let script, _, _):
            ![LogRange.script.name, RoomPresence.pageScript.name].contains(script.name)
        default: true
        }
    }
}

/// One store for several nodes, each with connections of its own that delay, break and lose; driven step by step by
/// seeded random numbers. In a split it has two copies, and each node writes to one of them.
final class SimulatedCluster {
    private(set) var links: [SimulatedLink] = []
    /// One, or two in a split.
    private var copies: [SimulatedCopy] = []
    private var channels: Set<[UInt8]> = []
    /// Microseconds of the Unix epoch.
    var microseconds = SimulatedCluster.firstMicroseconds
    static let firstMicroseconds = 1_700_000_000_000_000
    private var runs = 0

    init(nodes: Int) {
        restartEmpty()
        links = (0..<nodes).map { _ in SimulatedLink(self) }
    }

    var memory: MemoryStore { copies[0].memory }
    var isSplit: Bool { copies.count > 1 }

    /// The store loses all that it had.
    func restartEmpty() { install([makeCopy([])]) }

    /// The store loses the last of what was written: a replica that lagged behind took over. When the first of it was
    /// written, in milliseconds since the beginning.
    @discardableResult
    func lose(last count: Int) -> Int {
        let writes = copies[0].writes
        install([makeCopy(writes.dropLast(count))])
        return ((writes.suffix(count).first?.microseconds ?? microseconds) - Self.firstMicroseconds) / 1000
    }

    /// From now on some nodes write to another copy than the others.
    /// - Parameter isAside: of each link.
    func split(_ isAside: [Bool]) {
        install([copies[0], makeCopy(copies[0].writes[...])])
        for (link, isAside) in zip(links, isAside) { link.copy = isAside ? 1 : 0 }
    }

    /// One of the copies wins.
    func heal(winner: Int) {
        copies = [copies[winner]]
        for link in links { link.copy = 0 }
        listen(to: copies[0])
    }

    private func makeCopy(_ writes: ArraySlice<(operation: StoreOperation, microseconds: Int)>) -> SimulatedCopy {
        runs += 1
        return SimulatedCopy(boot: runs, writes)
    }

    private func install(_ installed: [SimulatedCopy]) {
        copies = installed
        for copy in copies { listen(to: copy) }
    }

    private func listen(to copy: SimulatedCopy) { for channel in channels { listen(channel, copy) } }

    private func listen(_ channel: [UInt8], _ copy: SimulatedCopy) {
        copy.listen(channel) { [unowned self, unowned copy] payload in
            for link in links where copies[link.copy] === copy { link.published(channel, .message(payload)) }
        }
    }

    func subscribed(_ channel: [UInt8]) {
        if channels.insert(channel).inserted { for copy in copies { listen(channel, copy) } }
    }

    func perform(_ operation: StoreOperation, on copy: Int, _ completion: @escaping (StoreResult) -> Void) {
        copies[copy].perform(operation, at: microseconds, completion)
    }
}

/// All that waits on a node's way to or from the store: each lane has its order, and there is none between them.
private struct SimulatedLanes<Element> {
    private var waiting: [(lane: StoreLane, element: Element)] = []

    var isEmpty: Bool { waiting.isEmpty }
    var count: Int { waiting.count }
    /// Lanes in which something waits.
    var lanes: [StoreLane] { StoreLane.allCases.filter { lane in waiting.contains { $0.lane == lane } } }

    mutating func append(_ element: Element, in lane: StoreLane) { waiting.append((lane, element)) }

    /// Takes the oldest of a lane; nil: of all.
    mutating func take(_ lane: StoreLane?) -> (lane: StoreLane, element: Element)? {
        let index = lane.map { lane in waiting.firstIndex { $0.lane == lane } } ?? waiting.indices.first
        return index.map { waiting.remove(at: $0) }
    }

    mutating func takeAll() -> [Element] {
        defer { waiting = [] }
        return waiting.map(\.element)
    }
}

/// A node's way to the store: what was asked waits to be run, answers and publications wait to be taken.
final class SimulatedLink: Store {
    private typealias Request = (operation: StoreOperation, completion: (StoreResult) -> Void)
    private typealias Answer = (result: StoreResult, completion: (StoreResult) -> Void)

    private unowned let cluster: SimulatedCluster
    /// Which of the cluster's copies it leads to.
    var copy = 0
    private var requests = SimulatedLanes<Request>()
    private var answers = SimulatedLanes<Answer>()
    private var notices: [(channel: [UInt8], notice: StoreNotice)] = []
    /// In the order in which they were subscribed to, so that a seed always gives the same run.
    private var receivers: [(channel: [UInt8], received: (StoreNotice) -> Void)] = []
    private(set) var isConnected = true
    /// Hears of a refusal that says that the store is away, before its operation's completion does.
    var refused: (StoreRefusal, StoreLane) -> Void = { _, _ in }

    init(_ cluster: SimulatedCluster) { self.cluster = cluster }

    func perform(
        _ operation: StoreOperation, in lane: StoreLane, _ completion: @escaping (StoreResult) -> Void
    ) {
        guard isConnected else { return completion(.failure(.unavailable)) }
        requests.append((operation, completion), in: lane)
    }

    func subscribe(_ channel: [UInt8], _ received: @escaping (StoreNotice) -> Void) {
        receivers.removeAll { $0.channel == channel }
        receivers.append((channel, received))
        cluster.subscribed(channel)
        if isConnected { notices.append((channel, .live)) }
    }

    func unsubscribe(_ channel: [UInt8]) { receivers.removeAll { $0.channel == channel } }

    func published(_ channel: [UInt8], _ notice: StoreNotice) {
        if isConnected, receivers.contains(where: { $0.channel == channel }) { notices.append((channel, notice)) }
    }

    var isIdle: Bool { requests.isEmpty && answers.isEmpty && notices.isEmpty }

    /// Requests that were not run yet.
    var requestCount: Int { requests.count }
    /// Lanes with requests that were not run, and with answers that were not taken.
    var requestLanes: [StoreLane] { requests.lanes }
    var answerLanes: [StoreLane] { answers.lanes }
    var hasNotices: Bool { !notices.isEmpty }

    /// The store runs the oldest request of a lane; nil: of all.
    func runNext(in lane: StoreLane? = nil) {
        guard let (lane, request) = requests.take(lane) else { return }
        cluster.perform(request.operation, on: copy) { self.answers.append(($0, request.completion), in: lane) }
    }

    /// The store answers the oldest request of a lane, nil: of all, with an error.
    /// - Parameter isRun: whether it did all the same what was asked.
    func refuseNext(_ code: String, isRun: Bool, in lane: StoreLane? = nil) {
        guard let (lane, request) = requests.take(lane) else { return }
        if isRun { cluster.perform(request.operation, on: copy) { _ in } }
        answers.append((.failure(StoreFault(code: code, message: "")), request.completion), in: lane)
    }

    /// The node takes the oldest answer of a lane; nil: of all.
    func answerNext(in lane: StoreLane? = nil) {
        guard let (lane, answer) = answers.take(lane) else { return }
        if case .failure(.away(let refusal)) = answer.result { refused(refusal, lane) }
        answer.completion(answer.result)
    }

    /// The node takes the oldest publication.
    func noticeNext() {
        guard !notices.isEmpty else { return }
        let next = notices.removeFirst()
        receivers.first { $0.channel == next.channel }?.received(next.notice)
    }

    /// The oldest publication is lost without a word, if it is one.
    func loseNotice() { if case .message? = notices.first?.notice { notices.removeFirst() } }

    /// The subscriber's connection breaks and comes back: what was on its way is lost.
    func interruptSubscriptions() {
        guard isConnected else { return }
        notices = []
        for receiver in receivers { receiver.received(.interrupted) }
        notices = receivers.map { ($0.channel, .live) }
    }

    /// Both connections break; some of what was asked is run all the same.
    func disconnect(running count: Int) {
        guard isConnected else { return }
        for _ in 0..<count { runNext() }
        isConnected = false
        notices = []
        for receiver in receivers { receiver.received(.interrupted) }
        let (unsent, unanswered) = (requests.takeAll(), answers.takeAll())
        for answer in unanswered { answer.completion(.failure(.uncertain)) }
        for request in unsent { request.completion(.failure(.uncertain)) }
    }

    func reconnect() {
        guard !isConnected else { return }
        isConnected = true
        notices = receivers.map { ($0.channel, .live) }
    }
}
