import Core
import NetworkIO
import WireProtocol

/// Sends the messages of a loading process: on schedule (open loop), or as many as may be without an ack (closed loop).
///
/// Thread: the loop's.
final class MessageSender {
    /// Messages that one call of the timer sends at most, so that input is taken in between.
    private static let messagesPerTurn = 5000
    /// Bytes that may wait on one connection; more means that the server does not read, and are not sent.
    private static let queuedBytesMax = 8 * 1024 * 1024

    private let table: ClientTable
    private let context: ClientContext
    private var order: SendOrder?
    private var pacer: Pacer?
    /// When the timer calls next, monotonic nanoseconds; nil: it is not set.
    private var timerDue: Int?
    /// The local number of the connection whose turn it is.
    private var cursor = 0
    /// Closed loop: those whose window has room.
    private var ready: ContiguousArray<LoadClient> = []
    /// Closed loop: those that the server wants to wait.
    private var held: ContiguousArray<LoadClient> = []
    private var timer: PreciseTimer?
    private var arena = FrameArena(capacityMin: 65536, capacityMax: 262_144, isTransient: true)
    /// Makes the masks of frames: a linear congruential generator.
    private var masks: UInt64

    init(_ table: ClientTable, _ context: ClientContext) throws {
        self.table = table
        self.context = context
        masks = table.plan.seed &+ UInt64(table.process)
        timer = try PreciseTimer(loop: context.loop) { [unowned self] in sendDue() }
    }

    /// Sends as ordered from now on; nil stops.
    func follow(_ order: SendOrder?) {
        self.order = order
        (pacer, timerDue) = (nil, nil)
        guard let order else { return }
        if let rate = order.perSecond, rate > 0 {
            pacer = Pacer(
                start: Clock.monotonicNanoseconds(), perSecond: rate, rampSeconds: order.rampSeconds,
                phase: Double(table.process) / Double(table.plan.processes))
            sendDue()
        } else {
            for client in table.clients { if let client { mayBeReady(client) } }
            sendToWindows()
        }
    }

    /// The turn of the loop is over: frames that are written need their memory no longer.
    func turnEnded() { arena.recycle() }

    // MARK: Open loop

    /// Sends what is due, each message from the next sender that is there. While none is there what is due waits, and
    /// its waiting counts.
    private func sendDue() {
        if let timerDue { context.meter.late(by: Clock.monotonicNanoseconds() - timerDue) }
        timerDue = nil
        guard pacer != nil, let first = nextSender() else { return waitForSender() }
        var sender: LoadClient? = first
        var count = 0
        while count < Self.messagesPerTurn, let client = sender,
            let due = pacer?.takeDue(at: Clock.monotonicNanoseconds())
        {
            send(from: client, intendedAt: due)
            count += 1
            sender = nextSender()
        }
        guard let pacer = pacer else { return }
        // A timer has some 50 µs of its own; at high rates several messages go per call.
        wait(until: max(pacer.nextDue, Clock.monotonicNanoseconds() + 100_000))
    }

    private func waitForSender() {
        guard pacer != nil else { return }
        wait(until: Clock.monotonicNanoseconds() + 5_000_000)
    }

    private func wait(until due: Int) {
        timerDue = due
        timer?.schedule(at: due)
    }

    /// The next connection that may send, round robin; nil when none is there.
    private func nextSender() -> LoadClient? {
        let count = table.senderCount
        for _ in 0..<count {
            let local = cursor
            cursor = (cursor + 1) % count
            if let client = table.clients[local], client.canSend { return client }
        }
        return nil
    }

    // MARK: Closed loop

    /// Notes a sender whose window may have room.
    func mayBeReady(_ client: LoadClient) {
        guard order?.window != nil, let sender = client.sender, !sender.isQueued else { return }
        sender.isQueued = true
        ready.append(client)
    }

    func sendToWindows() {
        guard !ready.isEmpty else { return }
        let clients = ready
        ready.removeAll(keepingCapacity: true)
        let now = Clock.monotonicNanoseconds()
        for client in clients {
            guard let sender = client.sender else { continue }
            sender.isQueued = false
            guard let window = order?.window, client.canSend else { continue }
            if sender.notBefore > context.loop.now {
                sender.isQueued = true
                held.append(client)
                continue
            }
            while sender.unacked < window { send(from: client, intendedAt: now) }
        }
    }

    /// Lets those go on whose wait is over, at the grain of the loop's tick.
    func resendHeld() {
        guard !held.isEmpty else { return }
        let clients = held
        held = []
        for client in clients {
            client.sender?.isQueued = false
            mayBeReady(client)
        }
    }

    // MARK: Both

    private func send(from client: LoadClient, intendedAt: Int) {
        guard let sender = client.sender else { return }
        guard client.queuedBytes < Self.queuedBytesMax else {
            return context.meter.refused("not sent: the server does not read")
        }
        sender.counter += 1
        sender.unacked += 1
        context.meter.sent()
        masks = masks &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let stamp = MessageStamp(sender: client.number, counter: sender.counter, intendedAt: UInt64(intendedAt))
        client.send(context.template.frame(stamp, mask: UInt32(truncatingIfNeeded: masks >> 32), in: &arena))
    }
}
