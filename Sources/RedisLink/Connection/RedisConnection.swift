import Core
import NetworkIO
import WireProtocol

/// The events of a connection, on the loop's thread.
package protocol RedisConnectionDelegate: AnyObject {
    /// The TCP connection stands; Redis has not spoken yet.
    func connected(_ connection: RedisConnection)
    /// The handshake of TLS is through, where TLS is spoken.
    func secured(_ connection: RedisConnection)
    /// AUTH, SELECT and PING are through: commands may be sent.
    func ready(_ connection: RedisConnection)
    /// The connection is over, or never came about. Called once, before the pending commands get their faults.
    func lost(_ connection: RedisConnection, _ loss: RedisLoss)
}

/// Whom a connection opens for, and how long it waits.
package struct RedisOptions: Sendable {
    package let url: RedisURL
    /// REDIS_TIMEOUT: for the connect with the opening, and for each reply. To the grain of the loop's tick.
    package let timeoutMilliseconds: Int
    package let limits: RedisLimits
    /// REDIS_CA_FILE: whom a certificate must be of; nil: of the system's authorities.
    package let authorities: TLSAuthorities?
    /// nil: no TLS, or `authorities`.
    private let system: TLSClientContext?

    /// Whom the next connection speaks TLS with: the URL's host. nil: nobody.
    package var peer: TLSPeer? {
        (authorities?.current ?? system).map { TLSPeer($0, host: url.host) }
    }

    /// - Parameter authorities: count if the URL wants TLS.
    package init(
        url: RedisURL, authorities: TLSAuthorities? = nil, timeoutMilliseconds: Int,
        limits: RedisLimits = RedisLimits()
    ) {
        self.url = url
        self.authorities = url.isSecure ? authorities : nil
        system = url.isSecure && authorities == nil ? TLSClientContext() : nil
        self.timeoutMilliseconds = timeoutMilliseconds
        self.limits = limits
    }
}

/// One connection to Redis: connects without waiting, opens with AUTH, SELECT and PING, then carries commands, whose
/// replies come in the order of sending.
///
/// All that is sent in a turn of the loop leaves in one write. A reply that does not come within REDIS_TIMEOUT, and one
/// that nobody asked for, end the connection: replies have no names, so one too many would shift all others.
/// At the end each pending command gets `.unavailable` when the kernel had not taken it whole (Redis runs no half
/// command), else `.uncertain`.
/// Thread: the loop's.
package class RedisConnection: Socket {
    /// How long nothing may be heard before a PING is sent.
    private static let silenceMilliseconds = 1000

    private enum Phase { case connecting, shakingHands, opening, ready, ended }

    /// Lives longer than the connection, or takes itself away here.
    package weak var delegate: (any RedisConnectionDelegate)?
    /// The name of this life of the server (`run_id`); nil until it is ready, and when INFO is not allowed.
    package private(set) var boot: String?
    /// The server's version; nil likewise.
    package private(set) var version: String?

    private let options: RedisOptions
    private let reader: RESPReader
    private var writer = RESPWriter()
    /// The commands that have no reply yet.
    private var pending = FIFO<PendingReply>()
    private var phase = Phase.connecting
    /// Bytes of all commands so far.
    private var writtenBytes = 0
    private var lastHeardAt: Int
    /// How long the reply to the command took that was measured last, in microseconds; nil before the first.
    package private(set) var latencyMicroseconds: Int?
    /// The same, until it is taken.
    private var newLatency: Int?
    /// The command that is being measured: its end, and when it was queued in nanoseconds. The first after each tick.
    private var measured: (end: Int, since: Int)?
    private var mayMeasure = true
    /// The end of a command whose time was found to be over once already.
    private var overdueEnd = -1
    private var loss: RedisLoss?

    /// Begins to connect.
    /// - Throws: `SystemError` when the system refuses at once (no descriptor, no route).
    package init(
        to address: SocketAddress, options: RedisOptions, loop: EventLoop, delegate: any RedisConnectionDelegate
    ) throws(SystemError) {
        self.options = options
        self.delegate = delegate
        reader = RESPReader(replyBytesMax: options.limits.replyBytesMax)
        lastHeardAt = loop.now
        try super.init(descriptor: try address.connect(from: nil), loop: loop, isUrgent: true)
        if let peer = options.peer { secure(peer) }
        open()
    }

    // MARK: What callers use

    /// Whether commands can be sent.
    package var isReady: Bool { phase == .ready }
    /// Whether the next command is taken: the connection is ready, and below the bounds of `RedisLimits`.
    package var hasRoom: Bool {
        phase == .ready && pending.count < options.limits.outstandingMax
            && queuedBytes < options.limits.queuedBytesMax
    }
    /// Commands without a reply.
    package var outstanding: Int { pending.count }
    /// For how long the oldest reply has been due, in milliseconds; nil when none is.
    package var oldestOutstanding: Int? { pending.first.map { loop.now - $0.sentAt } }

    /// Sends a command; `completion` gets its outcome. When the connection is not ready, or at a bound of
    /// `RedisLimits`, that is `.unavailable` before this returns.
    package func send(_ words: [[UInt8]], _ completion: RedisCompletion) {
        send(wordCount: words.count, payloadBytes: words.reduce(0) { $0 + $1.count }, completion) { writer in
            for word in words { word.withUnsafeBytes { writer.append($0) } }
        }
    }

    /// Sends a command that `fill` writes, word by word, to where it goes out from; `fill` may not send another one.
    /// - Parameter payloadBytes: at least as many bytes as all words have together.
    package func send(
        wordCount: Int, payloadBytes: Int, _ completion: RedisCompletion, _ fill: (inout RESPWriter) -> Void
    ) {
        guard hasRoom else { return completion.complete(.fault(.unavailable)) }
        queue(wordCount: wordCount, payloadBytes: payloadBytes, completion, fill)
    }

    /// To be called at each tick: asks for a sign of life when there was none for a second and none is due.
    package func ticked() {
        mayMeasure = measured == nil
        guard phase == .ready, pending.isEmpty, loop.now - lastHeardAt >= Self.silenceMilliseconds else { return }
        probe()
    }

    /// Asks for a sign of life, if the connection is ready and none is due.
    package func probe() {
        guard phase == .ready, pending.isEmpty else { return }
        queue([Array("PING".utf8)], .step(.ping))
    }

    /// Ends the connection at once, as if `loss` had happened.
    package func drop(_ loss: RedisLoss = .stopped) {
        guard phase != .ended else { return }
        self.loss = loss
        // What a stop has sent still arrives.
        if loss == .stopped { close() } else { reset() }
    }

    // MARK: Calls to subclasses

    /// Whether the reply is none to a command, and is dealt with.
    func takePush(_ reply: RedisReply) -> Bool { false }

    // MARK: Opening

    /// Queues the opening at once; it leaves when the kernel says that the connection stands.
    private func open() {
        let url = options.url
        if let password = url.password {
            queue([Array("AUTH".utf8)] + (url.user.map { [$0] } ?? []) + [password], .step(.auth))
        }
        if url.database != 0 {
            queue([Array("SELECT".utf8), Array(String(url.database).utf8)], .step(.select))
        }
        queue([Array("INFO".utf8), Array("server".utf8)], .step(.info))
        queue([Array("PING".utf8)], .step(.ping))
    }

    private func stepEnded(_ step: RedisStep, _ reply: RedisReply) {
        if let error = reply.error {
            // Who may not ask for these two may still serve as a store.
            if error.code == "NOPERM", step == .info || step == .ping {
                return step == .ping ? opened() : ()
            }
            // Once open, an error is an answer, too: this is a sign of life, and health is judged by more.
            if phase != .ready, step != .info { drop(.refused(step, code: error.code, message: error.message)) }
            return
        }
        switch step {
        case .info:
            boot = reply.line("run_id")
            version = reply.line("redis_version")
        case .ping: opened()
        case .resolve, .connect, .tls, .auth, .select, .command: break
        }
    }

    private func opened() {
        guard phase != .ready else { return }
        phase = .ready
        delegate?.ready(self)
    }

    // MARK: Sending

    private func queue(_ words: [[UInt8]], _ completion: RedisCompletion) {
        queue(wordCount: words.count, payloadBytes: words.reduce(0) { $0 + $1.count }, completion) { writer in
            for word in words { word.withUnsafeBytes { writer.append($0) } }
        }
    }

    private func queue(
        wordCount: Int, payloadBytes: Int, _ completion: RedisCompletion, _ fill: (inout RESPWriter) -> Void
    ) {
        writer.begin(wordCount: wordCount, payloadBytes: payloadBytes)
        fill(&writer)
        let command = writer.end()
        writtenBytes += command.length
        if mayMeasure {
            mayMeasure = false
            measured = (writtenBytes, Clock.monotonicNanoseconds())
        }
        if pending.isEmpty { loop.schedule(self, at: loop.now + options.timeoutMilliseconds) }
        pending.append(PendingReply(completion: completion, end: writtenBytes, sentAt: loop.now))
        send(command)
    }

    override package func handshakeBegan() {
        guard phase == .connecting else { return }
        phase = .shakingHands
        delegate?.connected(self)
    }

    override package func secured() {
        phase = .opening
        delegate?.secured(self)
    }

    override package func drained() {
        writer.recycle()
        guard phase == .connecting else { return }
        phase = .opening
        delegate?.connected(self)
    }

    // MARK: Receiving

    override package func received(_ bytes: UnsafeMutableRawBufferPointer) {
        lastHeardAt = loop.now
        do throws(RESPFault) {
            try reader.read(UnsafeRawBufferPointer(bytes)) { reply in
                take(reply)
                return isOpen
            }
        } catch {
            drop(.violation(error.description))
        }
    }

    private func take(_ reply: RedisReply) {
        if takePush(reply) { return }
        guard let entry = pending.popFirst() else { return drop(.violation("a reply to no command")) }
        if let measured, measured.end == entry.end {
            latencyMicroseconds = (Clock.monotonicNanoseconds() - measured.since) / 1000
            newLatency = latencyMicroseconds
            self.measured = nil
        }
        if case .step(let step) = entry.completion {
            stepEnded(step, reply)
        } else {
            entry.completion.complete(.reply(reply))
        }
    }

    /// The latest latency measured since the last call, in microseconds; nil when none was.
    package func takeLatency() -> Int? {
        defer { newLatency = nil }
        return newLatency
    }

    // MARK: The end

    override package func timerFired() {
        guard let oldest = pending.first else { return }
        let due = oldest.sentAt + options.timeoutMilliseconds
        if loop.now < due {
            loop.schedule(self, at: due)
        } else if overdueEnd != oldest.end {
            // If it was this process that stood still, the reply is there and is read before the next tick.
            overdueEnd = oldest.end
            loop.schedule(self, at: loop.now + EventLoop.tickMilliseconds)
        } else {
            drop(.timedOut(step(of: oldest)))
        }
    }

    private func step(of entry: PendingReply) -> RedisStep {
        if phase == .connecting { return .connect }
        if phase == .shakingHands { return .tls }
        guard case .step(let step) = entry.completion else { return .command }
        return step
    }

    override package func ended(_ end: SocketEnd) {
        let loss = loss ?? Self.loss(phase, end)
        // What the kernel has not taken whole has not been run.
        let taken = writtenBytes - untakenBytes
        phase = .ended
        delegate?.lost(self, loss)
        delegate = nil
        while let entry = pending.popFirst() {
            entry.completion.complete(.fault(entry.end <= taken ? .uncertain : .unavailable))
        }
    }

    private static func loss(_ phase: Phase, _ end: SocketEnd) -> RedisLoss {
        switch end {
        case .local: return .stopped
        case .peer:
            switch phase {
            case .connecting: return .unreachable("connect: the server closed the connection")
            case .shakingHands: return .insecure("TLS: the server closed the connection")
            case .opening, .ready, .ended: return .closed("the server closed the connection")
            }
        case .insecure(let fault): return .insecure(fault.description)
        case .failed(let error):
            switch phase {
            case .connecting: return .unreachable(SystemError(call: "connect", number: error.number).description)
            case .shakingHands: return .insecure(SystemError(call: "TLS", number: error.number).description)
            case .opening, .ready, .ended: return .closed(error.description)
            }
        }
    }
}

extension RedisReply {
    /// The value of a line `name:value` among the lines of the bytes.
    fileprivate func line(_ name: String) -> String? {
        for line in text.split(whereSeparator: \.isNewline) where line.hasPrefix(name + ":") {
            return String(line.dropFirst(name.utf8.count + 1))
        }
        return nil
    }
}
