import Core
import Logging
import NetworkIO

/// Why a node can't start.
package enum NodeStartFault: Error {
    /// Another process has the address.
    case addressInUse(String)
    /// The address can't be bound for another reason.
    case addressUnusable(String, SystemError)
    case system(SystemError)
}

/// A node: its workers, and the control loop on the calling thread that watches over their life.
///
/// Thread: the one that calls `run()`.
package final class Node {
    /// Descriptors that are kept for other things than connections: logs, loops, listeners, the spare ones.
    private static let reservedDescriptors = 64 + ConnectionCap.reserve
    /// How long connections have to take their close frame once the drain's time is over.
    private static let lingerMilliseconds = 3_000
    /// How long Redis has for taking back this node's locks and record; without that they end by their age.
    private static let leaveMilliseconds = 1_000
    /// How much time beyond the drain a service manager is asked for: the above, the last pushes, a busy machine.
    private static let stopReserveMilliseconds = 15_000

    private let context: NodeContext
    private let loop: EventLoop
    private let control: ControlLink
    private let governor: NodeGovernor
    private let watch: NodeWatch
    private let configuration: Configuration
    private let logger: Logger
    private let mail = Mailbox<Notice>()
    private var workers: [Thread] = []
    private var signals: SignalWatcher?
    private let reloads: Reloads
    /// nil where no service manager wants to know.
    private let manager: NotifySocket?
    /// nil without a webhook.
    private var pushes: PushSender?
    private var events: EventSender?
    private var drained = 0
    /// Workers in which nobody is in a grace any more; nil: none was asked.
    private var gracesEnded: Int?
    private var drainEnd: Int?
    private var leaveEnd: Int?
    private var exitStatus: Int32 = 0

    /// A notice of a worker to the control loop.
    private enum Notice: Sendable {
        /// A worker's last connection went.
        case drained
        /// In a worker nobody is in a grace any more.
        case gracesEnded
    }

    /// The address that clients use.
    package let port: UInt16

    /// Binds the address and starts the workers.
    /// - Parameters:
    ///   - tokens: where the keys of clients' tokens are read; nil: nobody is asked for any.
    ///   - manager: who gets a notice when the node serves, reloads and stops.
    package init(
        _ configuration: Configuration, logger: Logger, tokens: TokenSource? = nil, manager: NotifySocket? = nil
    ) throws(NodeStartFault) {
        self.configuration = configuration
        self.manager = manager
        self.logger = logger
        reloads = Reloads(logger)
        SignalWatcher.ignoreBrokenPipes()
        let openFiles = ProcessLimits.raiseOpenFiles()
        let listeners = try Self.bind(configuration)
        port = listeners[0].port
        let room = max(1, openFiles - Self.reservedDescriptors - 8 * configuration.workers)
        let most = min(configuration.connectionsMax, room)
        if most < configuration.connectionsMax {
            logger.warning(
                "MAX_CONNECTIONS is lowered to what the open-file limit allows",
                metadata: [
                    "wanted": "\(configuration.connectionsMax)", "max": "\(most)", "open_files": "\(openFiles)",
                ])
        }
        let random = Digest.random(count: 4).reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
        context = NodeContext(
            configuration: configuration, nodeID: configuration.nodeID?.text ?? "n-" + String(random, radix: 36),
            port: port, logger: logger, connectionsMax: most, openFilesMax: openFiles,
            startedAt: Clock.unixMilliseconds(), memoryMax: NodeSampler.memoryMax(configuration), tokens: tokens)
        do throws(SystemError) {
            loop = try EventLoop()
            control = ControlLink(context: context, loop: loop)
            governor = try NodeGovernor(context: context, loop: loop)
            watch = NodeWatch(context: context, loop: loop)
            loop.delegate = self
            governor.tierChanged = { [unowned control] in control.changed() }
            mail.connect(to: loop.wakeHandle)
            pushes = configuration.pushWebhook.map {
                PushSender($0, mail: context.mail.pushes, loop: loop, logger: logger)
            }
            events = configuration.eventWebhook.map { EventSender($0.webhook, context: context, loop: loop) }
            try start(listeners)
            control.start()
        } catch {
            throw .system(error)
        }
        // Signals come by the loop, which does not run yet.
        addReloads(tokens)
    }

    private func addReloads(_ tokens: TokenSource?) {
        if let tokens {
            reloads.add("the keys of tokens") { [context] in context.order(.tokens(try tokens.read())) }
        }
        if let certificate = configuration.certificate {
            reloads.add("TLS_CERT_FILE and TLS_KEY_FILE") { [context] in
                context.order(.certificate(try certificate.read()))
            }
        }
        if let authorities = configuration.redis?.authorities {
            reloads.add("REDIS_CA_FILE") { try authorities.reload() }
        }
    }

    private static func bind(_ configuration: Configuration) throws(NodeStartFault) -> [ListeningSocket] {
        let host = configuration.host.description
        let address = configuration.host.isV4 ? "\(host):\(configuration.port)" : "[\(host)]:\(configuration.port)"
        do throws(SystemError) {
            return try ListeningSocket.bind(
                host: host, port: UInt16(configuration.port), count: configuration.workers)
        } catch {
            if error.isAddressInUse { throw .addressInUse(address) }
            throw .addressUnusable(address, error)
        }
    }

    private func start(_ listeners: [ListeningSocket]) throws(SystemError) {
        // Before there is anybody who answers: who sees the node ready may ask it to end at once.
        let signals = SignalWatcher.termination + [ProcessSignal.reload]
        self.signals = try SignalWatcher(signals, loop: loop) { [unowned self] signal in
            if signal == ProcessSignal.reload { reload() } else { terminate(signal) }
        }
        for (index, listener) in listeners.enumerated() {
            let (context, mail) = (context, mail)
            let thread = try Thread(name: "worker-\(index)") {
                do {
                    let worker = try Worker(index: index, context: context, listener: listener) { _ in
                        mail.post([.drained])
                    }
                    worker.run()
                } catch {
                    context.logger.critical(
                        "a worker can't start", metadata: ["worker": "\(index)", "error": "\(error)"])
                    mail.post([.drained])
                }
            }
            workers.append(thread)
        }
    }

    /// Serves until a signal ends it; the process's exit status: 0 after a drain, 128 + signal when a second signal
    /// cut it short.
    package func run() -> Int32 {
        logger.notice(
            "serving",
            metadata: [
                "node": "\(context.nodeID)", "host": "\(configuration.host)", "port": "\(port)",
                "scheme": "\(configuration.certificate == nil ? "http" : "https")",
                "workers": "\(configuration.workers)", "connections_max": "\(context.connections.most)",
            ])
        notify(.ready)
        loop.run()
        signals = nil
        guard exitStatus == 0 else { return exitStatus }
        for index in workers.indices { context.mailboxes[index].post([.control(.stop)]) }
        for worker in workers { worker.join() }
        logger.notice("stopped", metadata: ["node": "\(context.nodeID)"])
        return 0
    }

    // MARK: Life cycle

    private func notify(_ notice: NotifySocket.Notice) {
        do throws(SystemError) { try manager?.send(notice) } catch {
            logger.warning("the service manager got no notice", metadata: ["error": "\(error)"])
        }
    }

    private func reload() {
        notify(.reloading(atMicroseconds: Clock.monotonicNanoseconds() / 1000))
        reloads.run()
        // A node that ends is not ready again.
        if drainEnd == nil { notify(.ready) }
    }

    private func terminate(_ signal: Int32) {
        if drainEnd != nil {
            logger.warning("a second signal: ending at once", metadata: ["signal": "\(signal)"])
            exitStatus = 128 + signal
            stop()
            return
        }
        let duration = configuration.drainMilliseconds
        logger.notice(
            "draining: no new connections, those that are here are closed one after the other",
            metadata: [
                "signal": "\(signal)", "milliseconds": "\(duration)",
                "connections": "\(context.connections.count)",
            ])
        drainEnd = loop.now + duration + Self.lingerMilliseconds
        notify(.stopping(withinMilliseconds: duration + Self.stopReserveMilliseconds))
        context.beginDraining()
        context.publish(.node(context.nodeID, .draining))
        control.changed()
        control.links.drain()
        context.order(.drain(milliseconds: duration))
    }

    /// Nobody is here any more, or nobody is waited for: gives back what the node holds of its cluster, then ends.
    private func end() {
        guard leaveEnd == nil, hasEveryoneLeft() else { return }
        let (pushesEnded, eventsEnded) = (pushes?.hasEnded(at: loop.now), events?.hasEnded(at: loop.now))
        guard pushesEnded ?? true, eventsEnded ?? true else { return }
        leaveEnd = loop.now + Self.leaveMilliseconds
        control.leave { [unowned self] in stop() }
    }

    /// Whether it was said that those have left who might have come back: by this node if it is alone, else by another
    /// one. Not waited for beyond the drain.
    private func hasEveryoneLeft() -> Bool {
        guard events != nil, configuration.redis == nil else { return true }
        if gracesEnded == nil {
            gracesEnded = 0
            let mail = mail
            context.order(.endGraces { mail.post([.gracesEnded]) })
        }
        return gracesEnded == workers.count || drainEnd.map { loop.now >= $0 } ?? false
    }

    private func stop() {
        control.stop()
        governor.stop()
        pushes?.stop()
        events?.stop()
        loop.stop()
    }
}

extension Node: EventLoopDelegate {
    package func loopWoken() {
        pushes?.woken()
        events?.woken()
        governor.woken()
        control.links.woken()
        for notice in mail.takeAll() {
            switch notice {
            case .drained: drained += 1
            case .gracesEnded: gracesEnded = (gracesEnded ?? 0) + 1
            }
        }
        if drained >= workers.count { end() }
    }

    package func loopTicked() {
        control.ticked()
        watch.ticked()
        pushes?.ticked()
        events?.ticked()
        if let leaveEnd, loop.now >= leaveEnd { return stop() }
        if drained >= workers.count { end() }
        if let drainEnd, loop.now >= drainEnd { end() }
    }

    package func loopTurnEnding() {}
    package func loopTurnEnded() {}
}
