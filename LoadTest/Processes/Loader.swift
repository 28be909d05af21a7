import Foundations
import NetworkIO
import WireProtocol

/// A loading process: holds its share of the connections, sends and checks as its parent orders, and counts.
///
/// One thread, one loop. What it does with connections is in `Loader+Dialing`, with messages in `Loader+Sending`, the
/// end in `Loader+Settling`.
final class Loader: EventLoopDelegate {
    let loop: EventLoop
    let plan: Plan
    let process: Int
    private var link: LineLink<Order, Answer>?

    // What all connections share.
    let template: MessageTemplate
    let key = WebSocketKey()
    let addresses: [SocketAddress]
    var epochs = EpochNames()
    var missing = MissingSeqs()
    var arena = FrameArena(capacityMin: 65536, capacityMax: 262_144, isTransient: true)
    var masks: UInt64
    /// When the bytes came that are being taken, in monotonic nanoseconds.
    private(set) var arrival = Clock.monotonicNanoseconds()

    /// By local number. Nil where there was none yet.
    var clients: ContiguousArray<LoadClient?>
    var rooms: [Int: RoomView] = [:]
    /// Rooms in use by connections live as long as the process: connections hold them unowned.
    var connectedCount = 0
    var inCount = 0

    var dialing = Dialing()
    var sending = Sending()
    var settling: Settling?
    private(set) var tally = Tally()
    private(set) var receivedBytesTotal = 0
    private var reportedCPU = ProcessLimits.cpuMicroseconds()
    private var reportedAt = Clock.monotonicNanoseconds()

    /// Serves the parent at `descriptor` until it is gone.
    static func serve(descriptor: Int32) throws {
        _ = ProcessLimits.raiseOpenFiles()
        SignalWatcher.ignoreBrokenPipes()
        let loop = try EventLoop()
        let waiting = LoaderStart(loop: loop)
        loop.delegate = waiting
        // The parent decides what an interrupt from the terminal means; its end of the link ends this process.
        let signals = try SignalWatcher(SignalWatcher.termination, loop: loop) { _ in }
        try waiting.connect(descriptor)
        loop.run()
        withExtendedLifetime(signals) {}
    }

    init(plan: Plan, process: Int, loop: EventLoop, link: LineLink<Order, Answer>?) throws {
        self.plan = plan
        self.process = process
        self.loop = loop
        self.link = link
        template = MessageTemplate(runName: plan.runName, contentBytes: plan.payloadBytes)
        addresses = try plan.nodes.map { try SocketAddress(numericHost: $0.address, port: $0.port) }
        masks = plan.seed &+ UInt64(process)
        clients = ContiguousArray(repeating: nil, count: plan.share(of: process))
        try prepareTimers()
    }

    func follow(_ order: Order) {
        switch order {
        case .begin: break
        case .connect: startConnecting()
        case .send(let order): startSending(order)
        case .churn(let rate): startChurning(perSecond: rate)
        case .stopChurn: stopChurning()
        case .cut: cutAll()
        case .report: report()
        case .settle(let milliseconds): startSettling(quiet: milliseconds)
        case .expect(let marks, let milliseconds): startChecking(marks, quiet: milliseconds)
        }
    }

    func answer(_ answer: Answer) { link?.send(answer) }

    private func report() {
        let (cpu, now) = (ProcessLimits.cpuMicroseconds(), Clock.monotonicNanoseconds())
        tally.cpuMicroseconds = Int(cpu - reportedCPU)
        tally.wallMicroseconds = (now - reportedAt) / 1000
        (reportedCPU, reportedAt) = (cpu, now)
        answer(.sample(Answer.Sample(tally: tally, connected: connectedCount, unacked: unackedCount)))
        tally.reset()
    }

    // MARK: Turns of the loop

    func loopWoken() {}
    func loopTicked() {
        resendHeld()
        dialTold()
        continueSettling()
    }
    func loopTurnEnding() {
        dialMore()
        sendToWindows()
    }
    func loopTurnEnded() { arena.recycle() }

    // MARK: What connections count

    @inline(__always)
    func arrivedBytes(_ count: Int) {
        arrival = Clock.monotonicNanoseconds()
        tally.receivedBytes += count
        receivedBytesTotal += count
    }

    @inline(__always)
    func delivered(after nanoseconds: Int) {
        tally.delivered += 1
        tally.delivery.record(nanoseconds: nanoseconds)
    }

    func countSent() { tally.sent += 1 }
    func countAcked(after nanoseconds: Int) {
        tally.acked += 1
        tally.ack.record(nanoseconds: nanoseconds)
    }
    func countRefused(_ code: String) { tally.refused[code, default: 0] += 1 }
    func countOpened(after nanoseconds: Int) {
        tally.opened += 1
        tally.handshake.record(nanoseconds: nanoseconds)
    }
    func countFailed(_ reason: String) { tally.failed[reason, default: 0] += 1 }
    func countClosed(_ code: UInt16) { tally.closed[code, default: 0] += 1 }
    func duplicated() { tally.faults.duplicated += 1 }
    func misordered() { tally.faults.misordered += 1 }
    func corrupted() { tally.faults.corrupted += 1 }
    func sawGap() { tally.gaps += 1 }
}

/// Waits for the first order, which says what there is to do.
private final class LoaderStart: EventLoopDelegate {
    private let loop: EventLoop
    private var link: LineLink<Order, Answer>?
    private var loader: Loader?

    init(loop: EventLoop) { self.loop = loop }

    func connect(_ descriptor: Int32) throws {
        link = try LineLink(
            descriptor: descriptor, loop: loop, arrived: { [unowned self] in follow($0) },
            // Without its parent this process has nothing to do, and nobody to tell.
            lost: { ProcessEnd.now(0) })
    }

    private func follow(_ order: Order) {
        if case .begin(let plan, let process) = order {
            do {
                let loader = try Loader(plan: plan, process: process, loop: loop, link: link)
                self.loader = loader
                loop.delegate = loader
            } catch {
                Output.errorLine("load_test: \(error)")
                ProcessEnd.now(71)
            }
        }
        loader?.follow(order)
    }

    func loopWoken() {}
    func loopTicked() {}
    func loopTurnEnding() {}
    func loopTurnEnded() {}
}
