import ClusterState

/// A client's way to the server: takes time, can swallow everything, and can break with requests on it, which then may
/// reach the server much later or never.
final class SimulatedLink: Store {
    private struct Pending {
        let number: Int
        let completion: (StoreResult) -> Void
    }

    /// Nothing passes any more, and nobody says so.
    var isBlackHole = false
    /// Adds to each way there and back.
    var lag = 0
    private(set) var isConnected = false
    /// When the request with the last good answer that the client got was sent, by the owner of the lock.
    private(set) var lastGoodSend: [[UInt8]: Int] = [:]

    private let time: SimulatedTime
    private let server: SimulatedServer
    /// Runs what concerns the client, as soon as that runs itself.
    private let deliver: (@escaping () -> Void) -> Void
    private var pending: [Pending] = []
    private var number = 0
    private var connection = 0
    private var (requestsArrive, repliesArrive) = (0, 0)
    private var receivers: [[UInt8]: (StoreNotice) -> Void] = [:]

    init(_ time: SimulatedTime, _ server: SimulatedServer, deliver: @escaping (@escaping () -> Void) -> Void) {
        self.time = time
        self.server = server
        self.deliver = deliver
    }

    func perform(
        _ operation: StoreOperation, in lane: StoreLane, _ completion: @escaping (StoreResult) -> Void
    ) {
        guard isConnected else { return completion(.failure(.unavailable)) }
        number += 1
        pending.append(Pending(number: number, completion: completion))
        guard !isBlackHole else { return }
        requestsArrive = max(requestsArrive, time.now + way())
        let (request, connection, sent) = (number, connection, time.now)
        time.after(requestsArrive - time.now) { [self] in
            // The server takes what a broken connection still brings.
            guard server.isUp, connection == self.connection || time.happens(50) else { return }
            answered(request, connection, operation, sent, server.perform(operation))
        }
    }

    func subscribe(_ channel: [UInt8], _ received: @escaping (StoreNotice) -> Void) {
        receivers[channel] = received
        if isConnected { listen(channel) }
    }

    func unsubscribe(_ channel: [UInt8]) {
        receivers[channel] = nil
        server.unsubscribe(channel)
    }

    func connect() {
        isConnected = true
        isBlackHole = false
        connection += 1
        (requestsArrive, repliesArrive) = (time.now, time.now)
        for channel in receivers.keys { listen(channel) }
    }

    /// The connection is over: what is under way is uncertain.
    func disconnect() {
        isConnected = false
        connection += 1
        for channel in receivers.keys { server.unsubscribe(channel) }
        let ended = pending
        pending = []
        for request in ended { request.completion(.failure(.uncertain)) }
    }

    private func answered(
        _ request: Int, _ connection: Int, _ operation: StoreOperation, _ sent: Int, _ result: StoreResult
    ) {
        guard connection == self.connection, !isBlackHole else { return }
        repliesArrive = max(repliesArrive, time.now + way())
        time.after(repliesArrive - time.now) { [self] in
            guard connection == self.connection, !isBlackHole else { return }
            deliver { [self] in
                guard pending.first?.number == request else { return }
                if isGood(result), case .script(_, _, let arguments) = operation { lastGoodSend[arguments[0]] = sent }
                pending.removeFirst().completion(result)
            }
        }
    }

    private func isGood(_ result: StoreResult) -> Bool {
        guard case .success(let reply) = result else { return false }
        switch LockAnswer(reply) {
        case .granted, .renewed: return true
        default: return false
        }
    }

    private func listen(_ channel: [UInt8]) {
        server.subscribe(channel) { [self] notice in
            // A publication in ten gets lost: polls must do.
            guard !isBlackHole, !time.happens(10) else { return }
            time.after(way()) { [self] in deliver { [self] in receivers[channel]?(notice) } }
        }
    }

    private func way() -> Int {
        lag + (time.happens(2) ? time.any(0...1_200) : time.any(0...3))
    }
}
