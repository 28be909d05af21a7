import Foundations
import NetworkIO
import Toolkit
import WireProtocol

/// Which connections are to be made, and how fast.
struct Dialing {
    enum Purpose { case connect, churn, comeBack }

    /// Handshakes of a process that may be on their way when no rate is given: enough to keep the server busy.
    static let inFlightMax = 256
    /// Handshakes on their way to one node, of all processes: a node's backlog has 4,096 places, and a SYN that finds
    /// none comes again only after a second, then three, then seven.
    static let inFlightMaxPerNode = 3000
    /// For the handshake, and again for being in the room. A server that is out of breath is still to be waited for.
    static let timeoutMilliseconds = 30_000

    var purpose = Purpose.connect
    /// Local numbers that are to be dialled, before those that were never dialled.
    var again: ContiguousArray<Int> = []
    /// Local numbers that the server told to wait, and until when (loop milliseconds).
    var told: [(local: Int, until: Int)] = []
    var next = 0
    var end = 0
    var inFlight = 0
    var pacer: Pacer?
    /// When this began, monotonic nanoseconds; nil when everybody is in.
    var startedAt: Int?
    /// Connections that failed or ended, and are not made again.
    var givenUp = 0
    /// What ends now is ended by us.
    var isCutting = false
    var timer: PreciseTimer?

    mutating func takeNext() -> Int? {
        if let local = again.popLast() { return local }
        guard next < end else { return nil }
        next += 1
        return next - 1
    }
    var hasNext: Bool { !again.isEmpty || next < end }
}

extension Loader {
    func prepareTimers() throws {
        dialing.timer = try PreciseTimer(loop: loop) { [unowned self] in dialMore() }
        sending.timer = try PreciseTimer(loop: loop) { [unowned self] in sendDue() }
    }

    func startConnecting() {
        let now = Clock.monotonicNanoseconds()
        dialing.purpose = .connect
        (dialing.next, dialing.end, dialing.startedAt) = (0, clients.count, now)
        if let rate = plan.connectRate {
            dialing.pacer = pacer(perSecond: rate / Double(plan.processes), start: now)
        }
        dialMore()
        tellWhenAllAreIn()
    }

    /// - Parameter perSecond: of this process; nil: as fast as it goes.
    func startChurning(perSecond: Double?) {
        dialing.purpose = .churn
        dialing.pacer = perSecond.map { pacer(perSecond: $0, start: Clock.monotonicNanoseconds()) }
        (dialing.next, dialing.end, dialing.startedAt) = (0, clients.count, nil)
        dialMore()
    }

    func stopChurning() {
        (dialing.next, dialing.end) = (0, 0)
        dialing.again = []
    }

    func cutAll() {
        dialing.purpose = .comeBack
        dialing.pacer = nil
        dialing.startedAt = Clock.monotonicNanoseconds()
        dialing.isCutting = true
        for case let client? in clients { client.reset() }
        dialing.isCutting = false
        dialMore()
        tellWhenAllAreIn()
    }

    private func pacer(perSecond: Double, start: Int) -> Pacer {
        Pacer(start: start, perSecond: perSecond, phase: Double(process) / Double(plan.processes))
    }

    /// Dials what is due and allowed.
    func dialMore() {
        guard dialing.hasNext else { return }
        let share = max(1, Dialing.inFlightMaxPerNode * plan.nodes.count / plan.processes)
        let bound = dialing.pacer == nil ? min(share, Dialing.inFlightMax) : share
        let now = Clock.monotonicNanoseconds()
        while dialing.hasNext, dialing.inFlight < bound {
            if dialing.pacer != nil, dialing.pacer?.takeDue(at: now) == nil { break }
            guard let local = dialing.takeNext() else { break }
            dial(local)
        }
        if dialing.hasNext, let pacer = dialing.pacer { dialing.timer?.schedule(at: max(pacer.nextDue, now + 200_000)) }
    }

    private func dial(_ local: Int) {
        let number = plan.number(local, of: process)
        let room = view(ofRoom: plan.room(of: number))
        let former = dialing.purpose == .churn ? nil : clients[local]
        let node = plan.node(of: number)
        let seat = ChatSeat(room: room.name, user: plan.userName(number), device: "load", since: former?.position)
        let source =
            plan.sourceAddresses > 0
            ? SocketAddress.loopbackSource(number % plan.sourceAddresses) : nil
        do {
            clients[local] = try LoadClient(
                number: UInt32(number), loader: self, room: room,
                sender: former?.sender ?? (plan.isSender(number) ? SenderState() : nil), former: former,
                to: addresses[node], from: source,
                request: WebSocketRequest(host: plan.nodes[node].host, target: seat.target, key: key))
            dialing.inFlight += 1
        } catch {
            countFailed(error.description)
            dialing.givenUp += 1
            tellWhenAllAreIn()
        }
    }

    private func view(ofRoom room: Int) -> RoomView {
        if let view = rooms[room] { return view }
        let view = RoomView(number: room, name: plan.roomName(room))
        rooms[room] = view
        return view
    }

    // MARK: What connections tell

    func opened(_ client: LoadClient, after nanoseconds: Int) {
        dialing.inFlight -= 1
        assert(dialing.inFlight >= 0, "more connections were opened than dialled")
        connectedCount += 1
        countOpened(after: nanoseconds)
    }

    /// The connection is in its room, and has what it missed.
    func cameIn(_ client: LoadClient) {
        inCount += 1
        if dialing.purpose == .churn { return client.close(.normal) }
        mayBeReady(client)
        tellWhenAllAreIn()
    }

    func closed(_ client: LoadClient, _ end: WebSocketClientEnd, wasOpened: Bool, wasIn: Bool) {
        if wasOpened { connectedCount -= 1 } else { dialing.inFlight -= 1 }
        if wasIn { inCount -= 1 }
        assert(connectedCount >= 0 && dialing.inFlight >= 0 && inCount >= 0, "more connections ended than came")
        client.sender?.unacked = 0
        let local = Int(client.number) / plan.processes
        switch end {
        case .closed(let code, _) where wasOpened: if !dialing.isCutting { countClosed(code) }
        default: countFailed(Self.reason(end))
        }
        guard clients[local] === client else { return }
        switch dialing.purpose {
        case .churn: if dialing.end > 0 { dialing.again.append(local) }
        case .comeBack where dialing.startedAt != nil: dialing.again.append(local)
        case .comeBack, .connect:
            // A server that takes nobody at all is not waited for.
            if connectedCount > 0, let wait = Self.retryMilliseconds(end) {
                dialing.told.append((local, loop.now + wait))
            } else {
                dialing.givenUp += 1
            }
        }
        tellWhenAllAreIn()
    }

    /// Dials those again whose time to wait is over; the grain is the loop's tick.
    func dialTold() {
        guard !dialing.told.isEmpty else { return }
        dialing.again.append(contentsOf: dialing.told.filter { $0.until <= loop.now }.map(\.local))
        dialing.told.removeAll { $0.until <= loop.now }
        dialMore()
    }

    /// After how long the server wants to see a client again, if it does: what it says with the close codes that shed
    /// load (PROTOCOL: close codes), or some seconds after a 503.
    private static func retryMilliseconds(_ end: WebSocketClientEnd) -> Int? {
        switch end {
        case .refused(503): return Int.random(in: 1_000...5_000)
        case .closed(1012...1013, let reason), .closed(4100...4102, let reason):
            let said = reason.firstRange(of: "\"retry_ms\":").flatMap { range in
                Int(reason[range.upperBound...].prefix { $0.isNumber })
            }
            return said.map { min($0, 60_000) } ?? Int.random(in: 1_000...5_000)
        default: return nil
        }
    }

    static func reason(_ end: WebSocketClientEnd) -> String {
        switch end {
        case .unreachable(let text), .badHandshake(let text): text
        case .refused(let status): "HTTP \(status)"
        case .timedOut: "handshake timeout"
        case .closed(let code, _): "closed with \(code) before the room was joined"
        }
    }

    private func tellWhenAllAreIn() {
        guard let startedAt = dialing.startedAt, !dialing.hasNext, dialing.told.isEmpty, dialing.inFlight == 0,
            inCount + dialing.givenUp >= clients.count
        else { return }
        dialing.startedAt = nil
        answer(.allIn(milliseconds: Double(Clock.monotonicNanoseconds() - startedAt) / 1e6))
    }
}
