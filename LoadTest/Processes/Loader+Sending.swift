import Foundations
import NetworkIO
import WireProtocol

/// Who sends, and when.
struct Sending {
    /// Messages that one call of the timer sends at most, so that input is taken in between.
    static let messagesPerTurn = 5000
    /// Bytes that may wait on one connection; more means that the server does not read, and are not sent.
    static let queuedBytesMax = 8 * 1024 * 1024

    var order: SendOrder?
    var pacer: Pacer?
    /// The local number of the connection whose turn it is.
    var cursor = 0
    /// Closed loop: those whose window has room.
    var ready: ContiguousArray<LoadClient> = []
    /// Closed loop: those that were told to wait.
    var held: ContiguousArray<LoadClient> = []
    var timer: PreciseTimer?
}

extension Loader {
    func startSending(_ order: SendOrder?) {
        sending.order = order
        sending.pacer = nil
        guard let order else { return }
        if let rate = order.perSecond, rate > 0 {
            sending.pacer = Pacer(
                start: Clock.monotonicNanoseconds(), perSecond: rate, rampSeconds: order.rampSeconds,
                phase: Double(process) / Double(plan.processes))
            sendDue()
        } else {
            for client in clients { if let client { mayBeReady(client) } }
            sendToWindows()
        }
    }

    // MARK: Open loop

    /// Sends what is due, each message from the next sender that is there. While none is there what is due waits, and
    /// its waiting counts.
    func sendDue() {
        guard sending.pacer != nil, let first = nextSender() else { return waitForSender() }
        var sender: LoadClient? = first
        var count = 0
        while count < Sending.messagesPerTurn, let client = sender,
            let due = sending.pacer?.takeDue(at: Clock.monotonicNanoseconds())
        {
            send(from: client, intendedAt: due)
            count += 1
            sender = nextSender()
        }
        guard let pacer = sending.pacer else { return }
        // A timer has some 50 µs of its own; at high rates several messages go per call.
        sending.timer?.schedule(at: max(pacer.nextDue, Clock.monotonicNanoseconds() + 100_000))
    }

    private func waitForSender() {
        guard sending.pacer != nil else { return }
        sending.timer?.schedule(at: Clock.monotonicNanoseconds() + 5_000_000)
    }

    /// The next connection that may send, round robin; nil when none is there.
    private func nextSender() -> LoadClient? {
        let count = plan.senders(of: process)
        for _ in 0..<count {
            let local = sending.cursor
            sending.cursor = (sending.cursor + 1) % count
            if let client = clients[local], client.canSend { return client }
        }
        return nil
    }

    // MARK: Closed loop

    /// Notes a sender whose window may have room.
    func mayBeReady(_ client: LoadClient) {
        guard sending.order?.window != nil, let sender = client.sender, !sender.isQueued else { return }
        sender.isQueued = true
        sending.ready.append(client)
    }

    func sendToWindows() {
        guard !sending.ready.isEmpty else { return }
        let clients = sending.ready
        sending.ready.removeAll(keepingCapacity: true)
        let now = Clock.monotonicNanoseconds()
        for client in clients {
            guard let sender = client.sender else { continue }
            sender.isQueued = false
            guard let window = sending.order?.window, client.canSend else { continue }
            if sender.notBefore > loop.now {
                sender.isQueued = true
                sending.held.append(client)
                continue
            }
            while sender.unacked < window { send(from: client, intendedAt: now) }
        }
    }

    /// Lets those go on who were told to wait, at the grain of the loop's tick.
    func resendHeld() {
        guard !sending.held.isEmpty else { return }
        let held = sending.held
        sending.held = []
        for client in held {
            client.sender?.isQueued = false
            mayBeReady(client)
        }
    }

    // MARK: Both

    private func send(from client: LoadClient, intendedAt: Int) {
        guard let sender = client.sender else { return }
        guard client.queuedBytes < Sending.queuedBytesMax else {
            return countRefused("not sent: the server does not read")
        }
        sender.counter += 1
        sender.unacked += 1
        countSent()
        masks = masks &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let stamp = MessageStamp(sender: client.number, counter: sender.counter, intendedAt: UInt64(intendedAt))
        client.send(template.frame(stamp, mask: UInt32(truncatingIfNeeded: masks >> 32), in: &arena))
    }

    func acked(_ client: LoadClient, after nanoseconds: Int) {
        countAcked(after: nanoseconds)
        mayBeReady(client)
    }

    func refused(_ client: LoadClient, code: UnsafeRawBufferPointer) {
        countRefused(String(decoding: code, as: UTF8.self))
        mayBeReady(client)
    }

    var unackedCount: Int {
        var count = 0
        for local in 0..<plan.senders(of: process) { count += clients[local]?.sender?.unacked ?? 0 }
        return count
    }
}
