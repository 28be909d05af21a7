import ClusterState
import Core
import NetworkIO

/// The events of a reconnector, on the loop's thread.
protocol ReconnectorDelegate: AnyObject {
    func ready(_ reconnector: Reconnector, _ connection: RedisConnection)
    /// The connection is over, or an attempt to get one has failed; it tries again by itself.
    func lost(_ reconnector: Reconnector, _ loss: RedisLoss)
}

/// Keeps one connection to Redis up: looks the host up, tries its addresses in order, and begins anew, after a wait
/// that grows with each failure, when none of them serves or the connection is lost.
///
/// Thread: the loop's.
final class Reconnector: RedisConnectionDelegate {
    typealias Connect =
        (_ address: SocketAddress, _ delegate: any RedisConnectionDelegate) throws(SystemError) -> RedisConnection

    private enum State {
        case stopped
        case waiting(until: Int)
        case resolving(NameResolver, since: Int)
        /// Trying an address; the others follow.
        case dialing(RedisConnection, others: ArraySlice<SocketAddress>)
        case ready(RedisConnection)
    }

    weak var delegate: (any ReconnectorDelegate)?
    private let options: RedisOptions
    private let connect: Connect
    /// A connection that was ready for so long was of use: its loss is a first failure again.
    private static let usefulMilliseconds = 100
    /// The longest wait after the loss of a connection that was ready: the server serves, and may do so again at once.
    private static let readyWaitMilliseconds = 500

    private unowned let loop: EventLoop
    private var state = State.stopped
    private var backoff = Backoff()
    /// When the connection became ready, loop milliseconds.
    private var readyAt = 0
    private var random: FastRandom

    /// - Parameters:
    ///   - seed: for the waits; other reconnectors should have another.
    ///   - connect: makes a connection of the kind that is wanted.
    init(options: RedisOptions, loop: EventLoop, seed: UInt64, connect: @escaping Connect) {
        self.options = options
        self.loop = loop
        self.connect = connect
        random = FastRandom(seed: seed)
    }

    /// The connection, when it is ready for commands.
    var connection: RedisConnection? {
        if case .ready(let connection) = state { return connection }
        return nil
    }

    /// Begins; from then on there is a connection or an attempt to get one.
    func start() {
        guard case .stopped = state else { return }
        attempt()
    }

    /// Ends the connection, or the attempt, for good.
    func stop() {
        let former = state
        state = .stopped
        switch former {
        case .stopped, .waiting: break
        case .resolving(let resolver, _): resolver.cancel()
        case .dialing(let connection, _), .ready(let connection): connection.drop()
        }
    }

    /// To be called at each tick.
    func ticked() {
        switch state {
        case .waiting(let until) where loop.now >= until: attempt()
        case .resolving(let resolver, let since) where loop.now - since > options.timeoutMilliseconds:
            resolver.cancel()
            failed(.timedOut(.resolve))
        case .ready(let connection): connection.ticked()
        case .stopped, .waiting, .resolving, .dialing: break
        }
    }

    /// Asks a connection for a sign of life; tries at once to get one where that was to wait.
    func probe() {
        switch state {
        case .waiting: attempt()
        case .ready(let connection): connection.probe()
        case .stopped, .resolving, .dialing: break
        }
    }

    /// Gives up the connection that there is, and gets another one: the name may lead elsewhere by now.
    func renew() {
        switch state {
        case .dialing(let connection, _), .ready(let connection): connection.drop(.renewed)
        case .stopped, .waiting, .resolving: break
        }
    }

    // MARK: Attempts

    private func attempt() {
        let url = options.url
        if let address = try? SocketAddress(numericHost: url.host, port: url.port) {
            return dial([address])
        }
        do throws(SystemError) {
            let resolver = try NameResolver(host: url.host, port: url.port, loop: loop) { [weak self] result in
                self?.resolved(result)
            }
            state = .resolving(resolver, since: loop.now)
        } catch {
            failed(.unresolved(error.description))
        }
    }

    /// The look-up has ended.
    func resolved(_ result: Result<[SocketAddress], NameResolver.Failure>) {
        guard case .resolving = state else { return }
        switch result {
        case .success(let addresses): dial(addresses[...])
        case .failure(let failure): failed(.unresolved("look-up of \(options.url.host): \(failure.description)"))
        }
    }

    /// Tries the first of `addresses`, and the next where the system refuses at once.
    private func dial(_ addresses: ArraySlice<SocketAddress>) {
        var others = addresses
        var refusal = RedisLoss.unresolved("look-up of \(options.url.host): no address")
        while let address = others.popFirst() {
            do throws(SystemError) {
                state = .dialing(try connect(address, self), others: others)
                return
            } catch {
                refusal = .unreachable(error.description)
            }
        }
        failed(refusal)
    }

    private func failed(_ loss: RedisLoss, waitMax: Int = Backoff.lastMilliseconds) {
        state = .waiting(until: loop.now + min(backoff.failed(random: random.next()), waitMax))
        delegate?.lost(self, loss)
    }

    // MARK: What the connection says

    func connected(_ connection: RedisConnection) {}
    func secured(_ connection: RedisConnection) {}

    func ready(_ connection: RedisConnection) {
        guard case .dialing(connection, _) = state else { return }
        state = .ready(connection)
        readyAt = loop.now
        delegate?.ready(self, connection)
    }

    func lost(_ connection: RedisConnection, _ loss: RedisLoss) {
        switch state {
        case .dialing(connection, let others) where loss.isOfAddress && !others.isEmpty: dial(others)
        case .dialing(connection, _): failed(loss)
        case .ready(connection):
            // One that was of no use is a failed attempt: a server that takes connections and ends them is not asked in
            // a circle.
            if loop.now - readyAt >= Self.usefulMilliseconds { backoff.succeeded() }
            failed(loss, waitMax: Self.readyWaitMilliseconds)
        // A stop, of which the owner knows.
        case .stopped, .waiting, .resolving, .dialing, .ready: break
        }
    }
}

/// In a pattern, the very connection.
private func ~= (pattern: RedisConnection, value: RedisConnection) -> Bool { pattern === value }
