import NetworkIO

/// A loading process: holds its share of the connections, sends and checks as its parent orders, and counts.
///
/// One thread, one loop. A `Dialer` makes connections, a `MessageSender` has them send, and they check what comes.
final class Loader: EventLoopDelegate, LoadClientDelegate {
    private let loop: EventLoop
    private let link: JSONLineSocket<LoaderOrder, LoaderReply>?
    private let context: ClientContext
    private let table: ClientTable
    private let dialer: Dialer
    private let sender: MessageSender
    private var settling: Settling?

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

    init(plan: Plan, process: Int, loop: EventLoop, link: JSONLineSocket<LoaderOrder, LoaderReply>?) throws {
        self.loop = loop
        self.link = link
        context = ClientContext(
            loop: loop, template: MessageTemplate(namePrefix: plan.namePrefix, contentBytes: plan.payloadBytes))
        table = ClientTable(plan: plan, process: process)
        dialer = try Dialer(table, context)
        sender = try MessageSender(table, context)
        context.delegate = self
        dialer.allIn = { [unowned self] in reply(.allIn(milliseconds: $0)) }
    }

    func follow(_ order: LoaderOrder) {
        switch order {
        case .begin: break
        case .connect: dialer.connectAll()
        case .send(let order): sender.follow(order)
        case .churn(let rate): dialer.startChurning(perSecond: rate)
        case .stopChurn: dialer.stopChurning()
        case .cut: dialer.cutAll()
        case .report: report()
        case .settle(let milliseconds):
            sender.follow(nil)
            settle(.acks, quiet: milliseconds)
        case .expect(let marks, let milliseconds): settle(.deliveries(table.own(marks)), quiet: milliseconds)
        }
    }

    private func reply(_ reply: LoaderReply) { link?.send(reply) }

    private func report() {
        reply(
            .sample(
                LoaderReply.Sample(
                    counts: context.meter.report(), connected: dialer.connectedCount, unacked: table.unackedCount)))
    }

    // MARK: Turns of the loop

    func loopWoken() {}
    func loopTicked() {
        sender.resendHeld()
        dialer.dialReleased()
        continueSettling()
    }
    func loopTurnEnding() {
        dialer.dialMore()
        sender.sendToWindows()
    }
    func loopTurnEnded() { sender.turnEnded() }

    // MARK: Events of connections

    func opened(_ client: LoadClient) { dialer.opened(client) }

    func cameIn(_ client: LoadClient) {
        sender.mayBeReady(client)
        dialer.cameIn(client)
    }

    func answered(_ client: LoadClient) { sender.mayBeReady(client) }

    func closed(_ client: LoadClient, _ end: WebSocketClientEnd, wasOpened: Bool, wasIn: Bool) {
        client.sender?.unacked = 0
        dialer.closed(client, end, wasOpened: wasOpened, wasIn: wasIn)
    }

    // MARK: The end of a run

    private func settle(_ part: Settling.Part, quiet milliseconds: Int) {
        settling = Settling(part, quietMilliseconds: milliseconds, now: loop.now)
        continueSettling()
    }

    /// Replies when all has come or the time is up.
    private func continueSettling() {
        guard let part = settling?.part else { return }
        let isLate = settling?.isOver(at: loop.now, receivedBytes: context.meter.receivedBytes) ?? true
        switch part {
        case .acks:
            guard table.unackedCount == 0 || isLate else { return }
            settling = nil
            reply(.settled(table.marks(context.epochs)))
        case .deliveries(let marks):
            let lost = table.undelivered(marks, context.epochs) + context.missing.count
            guard lost == 0 || isLate else { return }
            settling = nil
            reply(.checked(lost: lost))
        }
    }
}

/// Waits for the first order, which brings the plan.
private final class LoaderStart: EventLoopDelegate {
    private let loop: EventLoop
    private var link: JSONLineSocket<LoaderOrder, LoaderReply>?
    private var loader: Loader?

    init(loop: EventLoop) { self.loop = loop }

    func connect(_ descriptor: Int32) throws {
        link = try JSONLineSocket(
            descriptor: descriptor, loop: loop, arrived: { [unowned self] in follow($0) },
            // Without its parent this process has nothing to do, and nobody hears it.
            lost: { ProcessEnd.now(0) })
    }

    private func follow(_ order: LoaderOrder) {
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
