import Core
import NetworkIO
import Toolkit
import WireProtocol

/// Makes the connections of a loading process: all of them, again and again, or anew after a cut.
///
/// Thread: the loop's.
final class Dialer {
    private enum Purpose { case connect, churn, comeBack }

    /// Handshakes of a process that may be on their way when no rate is given: enough to keep the server busy.
    private static let inFlightMax = 256
    /// Handshakes on their way to one node, of all processes: a node's backlog has 4,096 places, and a SYN that finds
    /// none comes again only after a second, then three, then seven.
    private static let inFlightMaxPerNode = 3000

    private let table: ClientTable
    private let context: ClientContext
    private let addresses: [SocketAddress]
    /// With whom TLS is spoken, by node.
    private let peers: [TLSPeer?]
    private let key = WebSocketKey()
    private var purpose = Purpose.connect
    private var queue = DialQueue()
    private var inFlight = 0
    private var pacer: Pacer?
    /// When this began, monotonic nanoseconds; nil when everybody is in.
    private var startedAt: Int?
    /// Connections that failed or ended, and are not made again.
    private var givenUp = 0
    /// Whether connections that end now were ended by this process.
    private var isCutting = false
    private var timer: PreciseTimer?
    /// Connections that are open.
    private(set) var connectedCount = 0
    /// Of them those that are in their rooms.
    private var inCount = 0
    /// Everybody is in, or was given up, after so many milliseconds.
    var allIn: (Double) -> Void = { _ in }

    init(_ table: ClientTable, _ context: ClientContext) throws {
        self.table = table
        self.context = context
        addresses = try table.plan.nodes.map { try SocketAddress(numericHost: $0.address, port: $0.port) }
        let trust = table.plan.trust()
        peers = table.plan.nodes.map { $0.peer(trust) }
        timer = try PreciseTimer(loop: context.loop) { [unowned self] in dialMore() }
    }

    private var plan: Plan { table.plan }

    // MARK: Orders

    func connectAll() {
        let now = Clock.monotonicNanoseconds()
        purpose = .connect
        startedAt = now
        queue.start(count: table.clients.count)
        if let rate = plan.connectRate { pacer = pacer(perSecond: rate / Double(plan.processes), start: now) }
        dialMore()
        reportIfAllAreIn()
    }

    /// - Parameter perSecond: of this process; nil: as fast as it goes.
    func startChurning(perSecond: Double?) {
        purpose = .churn
        pacer = perSecond.map { pacer(perSecond: $0, start: Clock.monotonicNanoseconds()) }
        startedAt = nil
        queue.start(count: table.clients.count)
        dialMore()
    }

    func stopChurning() { queue.stop() }

    func cutAll() {
        purpose = .comeBack
        pacer = nil
        startedAt = Clock.monotonicNanoseconds()
        isCutting = true
        for case let client? in table.clients { client.reset() }
        isCutting = false
        dialMore()
        reportIfAllAreIn()
    }

    private func pacer(perSecond: Double, start: Int) -> Pacer {
        Pacer(start: start, perSecond: perSecond, phase: Double(table.process) / Double(plan.processes))
    }

    // MARK: Dialling

    /// Dials what is due and allowed.
    func dialMore() {
        guard queue.hasNext else { return }
        let share = max(1, Self.inFlightMaxPerNode * plan.nodes.count / plan.processes)
        let bound = pacer == nil ? min(share, Self.inFlightMax) : share
        let now = Clock.monotonicNanoseconds()
        while queue.hasNext, inFlight < bound {
            if pacer != nil, pacer?.takeDue(at: now) == nil { break }
            guard let local = queue.takeNext() else { break }
            dial(local)
        }
        if queue.hasNext, let pacer { timer?.schedule(at: max(pacer.nextDue, now + 200_000)) }
    }

    /// Dials those again whose time to wait is over; the grain is the loop's tick.
    func dialReleased() { if queue.release(at: context.loop.now) { dialMore() } }

    private func dial(_ local: Int) {
        let number = plan.number(local, of: table.process)
        let room = table.room(plan.room(of: number))
        let former = purpose == .churn ? nil : table.clients[local]
        let node = plan.node(of: number)
        let seat = ChatSeat(room: room.name, user: plan.userName(number), device: "load", since: former?.position)
        let source =
            plan.sourceAddresses > 0
            ? SocketAddress.loopbackSource(number % plan.sourceAddresses) : nil
        do {
            let client = try LoadClient(
                number: UInt32(number), context: context, room: room,
                sender: former?.sender ?? (plan.isSender(number) ? SenderState() : nil), former: former,
                to: addresses[node], from: source, securedWith: peers[node],
                request: WebSocketRequest(host: plan.nodes[node].host, target: seat.target, key: key))
            table.put(client, at: local)
            inFlight += 1
        } catch {
            context.meter.failed(error.description)
            givenUp += 1
            reportIfAllAreIn()
        }
    }

    private func reportIfAllAreIn() {
        guard let startedAt, queue.isEmpty, inFlight == 0, inCount + givenUp >= table.clients.count else { return }
        self.startedAt = nil
        allIn(Double(Clock.monotonicNanoseconds() - startedAt) / 1e6)
    }

    // MARK: Events of connections

    func opened(_ client: LoadClient) {
        inFlight -= 1
        assert(inFlight >= 0, "more connections were opened than dialled")
        connectedCount += 1
    }

    func cameIn(_ client: LoadClient) {
        inCount += 1
        if purpose == .churn { return client.close(.normal) }
        reportIfAllAreIn()
    }

    func closed(_ client: LoadClient, _ end: WebSocketClientEnd, wasOpened: Bool, wasIn: Bool) {
        if wasOpened { connectedCount -= 1 } else { inFlight -= 1 }
        if wasIn { inCount -= 1 }
        assert(connectedCount >= 0 && inFlight >= 0 && inCount >= 0, "more connections ended than came")
        switch end {
        case .closed(let code, _) where wasOpened: if !isCutting { context.meter.closed(code) }
        default: context.meter.failed(Self.reason(end))
        }
        let local = table.local(client)
        guard table.clients[local] === client else { return }
        dialAgain(local, after: end)
        reportIfAllAreIn()
    }

    /// A connection has ended: makes it again, if that is wanted.
    private func dialAgain(_ local: Int, after end: WebSocketClientEnd) {
        switch purpose {
        case .churn: if queue.isStarted { queue.add(local) }
        case .comeBack where startedAt != nil: queue.add(local)
        case .comeBack, .connect:
            // A server that takes nobody at all is not waited for.
            if connectedCount > 0, let wait = Self.retryMilliseconds(end) {
                queue.add(local, notBefore: context.loop.now + wait)
            } else {
                givenUp += 1
            }
        }
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

    private static func reason(_ end: WebSocketClientEnd) -> String {
        switch end {
        case .unreachable(let text), .badHandshake(let text): text
        case .refused(let status): "HTTP \(status)"
        case .timedOut: "handshake timeout"
        case .closed(let code, _): "closed with \(code) before the room was joined"
        }
    }
}
