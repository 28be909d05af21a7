import ClusterState
import Core
import Rooms
import TestSupport

@testable import Gateway

/// One store for several nodes, each with connections of its own that delay, break and lose; driven step by step by
/// seeded random numbers.
final class SimulatedCluster {
    private(set) var memory: MemoryStore
    private(set) var links: [SimulatedLink] = []
    private var channels: Set<[UInt8]> = []
    private var microseconds = 1_700_000_000_000_000
    private var runs = 0

    init(nodes: Int) {
        memory = MemoryStore(boot: "0") { 0 }
        restartEmpty()
        links = (0..<nodes).map { _ in SimulatedLink(self) }
    }

    /// The store loses all that it had.
    func restartEmpty() {
        runs += 1
        memory = MemoryStore(boot: String(runs, radix: 16)) { [unowned self] in microseconds }
        for channel in channels { listen(channel) }
    }

    func subscribed(_ channel: [UInt8]) {
        if channels.insert(channel).inserted { listen(channel) }
    }

    private func listen(_ channel: [UInt8]) {
        memory.subscribe(channel) { [unowned self] notice in
            guard case .message = notice else { return }
            for link in links { link.published(channel, notice) }
        }
    }
}

/// A node's way to the store: what was asked waits to be run, answers and publications wait to be taken.
final class SimulatedLink: Store {
    private unowned let cluster: SimulatedCluster
    private var requests: [(operation: StoreOperation, completion: (StoreResult) -> Void)] = []
    private var answers: [(result: StoreResult, completion: (StoreResult) -> Void)] = []
    private var notices: [(channel: [UInt8], notice: StoreNotice)] = []
    private var receivers: [[UInt8]: (StoreNotice) -> Void] = [:]
    private(set) var isConnected = true

    init(_ cluster: SimulatedCluster) { self.cluster = cluster }

    func perform(
        _ operation: StoreOperation, in lane: StoreLane, _ completion: @escaping (StoreResult) -> Void
    ) {
        guard isConnected else { return completion(.failure(.unavailable)) }
        requests.append((operation, completion))
    }

    func subscribe(_ channel: [UInt8], _ received: @escaping (StoreNotice) -> Void) {
        receivers[channel] = received
        cluster.subscribed(channel)
        if isConnected { notices.append((channel, .live)) }
    }

    func unsubscribe(_ channel: [UInt8]) { receivers[channel] = nil }

    func published(_ channel: [UInt8], _ notice: StoreNotice) {
        if isConnected, receivers[channel] != nil { notices.append((channel, notice)) }
    }

    var isIdle: Bool { requests.isEmpty && answers.isEmpty && notices.isEmpty }

    /// Requests that were not run yet.
    var requestCount: Int { requests.count }

    /// The store runs the oldest request.
    func runNext() {
        guard !requests.isEmpty else { return }
        let request = requests.removeFirst()
        cluster.memory.perform(request.operation) { self.answers.append(($0, request.completion)) }
    }

    /// The store answers the oldest request with an error.
    /// - Parameter isRun: whether it did all the same what was asked.
    func refuseNext(_ code: String, isRun: Bool) {
        guard !requests.isEmpty else { return }
        let request = requests.removeFirst()
        if isRun { cluster.memory.perform(request.operation) { _ in } }
        answers.append((.failure(StoreFault(code: code, message: "")), request.completion))
    }

    /// The node takes the oldest answer.
    func answerNext() {
        guard !answers.isEmpty else { return }
        let answer = answers.removeFirst()
        answer.completion(answer.result)
    }

    /// The node takes the oldest publication.
    func noticeNext() {
        guard !notices.isEmpty else { return }
        let next = notices.removeFirst()
        receivers[next.channel]?(next.notice)
    }

    /// The subscriber's connection breaks and comes back: what was on its way is lost.
    func interruptSubscriptions() {
        guard isConnected else { return }
        notices = []
        for receiver in receivers.values { receiver(.interrupted) }
        notices = receivers.keys.map { ($0, .live) }
    }

    /// Both connections break; some of what was asked is run all the same.
    func disconnect(running count: Int) {
        guard isConnected else { return }
        for _ in 0..<count { runNext() }
        isConnected = false
        notices = []
        for receiver in receivers.values { receiver(.interrupted) }
        let (unsent, unanswered) = (requests, answers)
        requests = []
        answers = []
        for answer in unanswered { answer.completion(.failure(.uncertain)) }
        for request in unsent { request.completion(.failure(.uncertain)) }
    }

    func reconnect() {
        guard !isConnected else { return }
        isConnected = true
        notices = receivers.keys.map { ($0, .live) }
    }
}
