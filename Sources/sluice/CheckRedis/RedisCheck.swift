import ClusterState
import NetworkIO
import RedisLink

/// Tries out, step by step, what a node asks of Redis; stops at the first step that fails. For a person at a terminal.
///
/// Runs a loop of its own on the caller's thread.
final class RedisCheck: EventLoopDelegate, RedisConnectionDelegate {
    /// The steps, in order.
    enum Step: String, CaseIterable {
        case resolve, connect
        case encryption = "TLS"
        case auth, ping, role, memory, write, scripts
        case pubSub = "pub/sub"
    }

    enum Outcome: Equatable {
        case passed(String)
        /// It works, and an operator should change it.
        case warned(String)
        case skipped(String)
        case failed(String)
    }

    /// How one step went, without secrets.
    struct Line: CustomStringConvertible {
        let step: Step
        let outcome: Outcome

        /// One line: step, outcome and details.
        var description: String {
            let (word, text) =
                switch outcome {
                case .passed(let text): ("ok", text)
                case .warned(let text): ("warning", text)
                case .skipped(let text): ("skipped", text)
                case .failed(let text): ("FAILED", text)
                }
            return Self.padded(step.rawValue) + Self.padded(word) + Self.printable(text)
        }

        private static func padded(_ text: String) -> String {
            text + String(repeating: " ", count: max(1, 9 - text.utf8.count))
        }

        /// A server may say anything. Without control characters, so that a terminal only shows it.
        private static func printable(_ text: String) -> String {
            String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.properties.generalCategory != .control }))
        }
    }

    /// How long keys stay that could not be taken away again.
    static let keptMilliseconds = 10_000

    private let options: RedisOptions
    private let report: (Line) -> Void
    private let loop: EventLoop
    private var step = Step.resolve
    /// When the step began, in nanoseconds.
    private var begunAt = Clock.monotonicNanoseconds()
    private(set) var isOver = false
    private var hasPassed = false

    private var resolver: NameResolver?
    /// The address that is tried, and those that follow.
    private var address: SocketAddress?
    private var others: ArraySlice<SocketAddress> = []
    private(set) var connection: RedisConnection?
    private var subscriber: RedisSubscriber?
    /// Begins all keys, and is the channel: no other check's.
    let key = Array("sluice:{check:".utf8) + Digest.sha1Digits(Digest.random(count: 16)) + Array("}:".utf8)

    /// - Parameter report: called for each step when it is over.
    init(_ options: RedisOptions, report: @escaping (Line) -> Void) throws(SystemError) {
        self.options = options
        self.report = report
        loop = try EventLoop()
        loop.delegate = self
    }

    /// Whether every step has passed, once that is known: after at most REDIS_TIMEOUT for each.
    func run() -> Bool {
        resolve()
        // A loop that was stopped before it runs does not run at all.
        if !isOver { loop.run() }
        connection?.drop()
        subscriber?.drop()
        return hasPassed
    }

    // MARK: Steps

    func passed(_ text: String) { next(.passed(text)) }
    func warned(_ text: String) { next(.warned(text)) }
    func skipped(_ text: String) { next(.skipped(text)) }

    private func next(_ outcome: Outcome) {
        report(Line(step: step, outcome: outcome))
        begunAt = Clock.monotonicNanoseconds()
        guard let index = Step.allCases.firstIndex(of: step), index + 1 < Step.allCases.count else {
            hasPassed = true
            return end()
        }
        step = Step.allCases[index + 1]
    }

    func failed(_ text: String) {
        guard !isOver else { return }
        report(Line(step: step, outcome: .failed(text)))
        end()
    }

    private func end() {
        isOver = true
        loop.stop()
    }

    /// How long the step has taken: "0.25 ms".
    var elapsed: String {
        "\(Double((Clock.monotonicNanoseconds() - begunAt) / 10_000) / 100) ms"
    }

    private func resolve() {
        let url = options.url
        if let address = try? SocketAddress(numericHost: url.host, port: url.port) {
            skipped("\(url.host) is an address")
            return dial([address])
        }
        do throws(SystemError) {
            resolver = try NameResolver(host: url.host, port: url.port, loop: loop) { [unowned self] result in
                switch result {
                case .success(let addresses):
                    passed("\(url.host): \(addresses.map(\.hostText).joined(separator: ", "))")
                    dial(addresses[...])
                case .failure(let failure): failed("\(url.host): \(failure.description)")
                }
            }
        } catch {
            failed(error.description)
        }
    }

    private func dial(_ addresses: ArraySlice<SocketAddress>) {
        others = addresses
        var fault = "no address"
        while let address = others.popFirst() {
            self.address = address
            do throws(SystemError) {
                connection = try RedisConnection(to: address, options: options, loop: loop, delegate: self)
                return
            } catch {
                fault = "\(address.text): \(error)"
            }
        }
        failed(fault)
    }

    // MARK: The connections

    func connected(_ connection: RedisConnection) {
        guard connection === self.connection else { return }
        passed("\(address?.text ?? "") in \(elapsed)")
        if options.peer == nil { skipped("redis:// is plain TCP") }
    }

    func secured(_ connection: RedisConnection) {
        guard connection === self.connection else { return }
        passed("\(connection.cipher ?? ""), for \(options.url.host), in \(elapsed)")
    }

    func ready(_ connection: RedisConnection) {
        if connection === subscriber { return subscribe() }
        authenticated()
        connection.send(
            [Array("PING".utf8)],
            expect { [unowned self, unowned connection] reply in
                guard reply.says("PONG") else { return false }
                passed("\(elapsed), Redis \(connection.version ?? "of an unknown version")")
                askRole()
                return true
            })
    }

    private func authenticated() {
        guard options.url.password != nil else { return skipped("no password in REDIS_URL") }
        passed(options.url.user.map { "as user \(String(decoding: $0, as: UTF8.self))" } ?? "by password")
    }

    func evaluate() {
        let script = "redis.call('TIME') return {KEYS[1], ARGV[1]}"
        let arguments = [Array("1".utf8), key, Array("argument".utf8)]
        let isEcho = { [key] (reply: RedisReply) in
            reply.element(0)?.bytes.elementsEqual(key) == true && reply.element(1)?.says("argument") == true
        }
        connection?.send(words("EVAL", script) + arguments, expect { isEcho($0) })
        let digest = Digest.sha1Digits(Array(script.utf8))
        connection?.send(
            words("EVALSHA") + [digest] + arguments,
            expect { [unowned self] reply in
                guard isEcho(reply) else { return false }
                passed(elapsed)
                openSubscriber()
                return true
            })
    }

    private func openSubscriber() {
        guard let address else { return }
        do throws(SystemError) {
            subscriber = try RedisSubscriber(to: address, options: options, loop: loop, delegate: self) {
                [unowned self] channel, payload in
                guard channel.elementsEqual(key), payload.elementsEqual(key.reversed()) else {
                    return failed("a publication that is not ours")
                }
                passed(elapsed)
            }
        } catch {
            failed(error.description)
        }
    }

    private func subscribe() {
        subscriber?.send(
            words("SUBSCRIBE") + [key],
            expect { [unowned self] reply in
                guard reply.element(0)?.says("subscribe") == true else { return false }
                connection?.send(words("PUBLISH") + [key, key.reversed()], expect { $0.integer != nil })
                return true
            })
    }

    private func words(_ text: String...) -> [[UInt8]] { text.map { Array($0.utf8) } }

    /// Fails the step on an error and on a reply that is not `right`. A connection's end is reported by `lost`.
    private func expect(_ right: @escaping (RedisReply) -> Bool) -> RedisCompletion {
        .closure { [unowned self] outcome in
            guard case .reply(let reply) = outcome, !isOver else { return }
            if let error = reply.error { return failed(Self.text(error)) }
            if !right(reply) { failed("an unexpected reply") }
        }
    }

    /// An error in words, and the next thing to do.
    private static func text(_ error: (code: String, message: String)) -> String {
        let refusal = StoreRefusal(code: error.code, message: error.message)
        return refusal.kind == .other ? "\(error.code) \(error.message)" : "\(refusal.text); \(refusal.advice)"
    }

    func lost(_ connection: RedisConnection, _ loss: RedisLoss) {
        guard !isOver else { return }
        if connection === self.connection, step == .connect || step == .encryption, loss.isOfAddress, !others.isEmpty {
            step = .connect
            return dial(others)
        }
        // What was answered before the step that was lost has passed.
        if step == .auth, let lostStep = loss.step, lostStep == .info || lostStep == .ping, !loss.isForbidden {
            authenticated()
        }
        let advice = loss.refusal.map { "; \($0.advice)" } ?? ""
        failed((step == .connect ? "\(address?.text ?? ""): \(loss)" : loss.description) + advice)
    }

    // MARK: The loop

    func loopWoken() {}
    func loopTurnEnding() {}
    func loopTurnEnded() {}

    /// The connections watch over their replies; this over what has none: a look-up and a publication.
    func loopTicked() {
        let limit = options.timeoutMilliseconds * 1_000_000
        guard step == .resolve || step == .pubSub, Clock.monotonicNanoseconds() - begunAt > limit else { return }
        failed("nothing within \(Double(options.timeoutMilliseconds) / 1000) s")
    }
}

extension RedisLoss {
    /// The step at which it came, where it is known.
    fileprivate var step: RedisStep? {
        switch self {
        case .refused(let step, _, _), .timedOut(let step): step
        case .unresolved, .unreachable, .insecure, .violation, .closed, .renewed, .stopped: nil
        }
    }

    /// The answer of Redis, when it is one that has words.
    fileprivate var refusal: StoreRefusal? {
        guard case .refused(_, let code, let message) = self else { return nil }
        let refusal = StoreRefusal(code: code, message: message)
        return refusal.kind == .other ? nil : refusal
    }

    /// Whether Redis wants a password that REDIS_URL does not hold.
    fileprivate var isForbidden: Bool {
        if case .refused(_, code: "NOAUTH", _) = self { return true }
        return false
    }
}
