import ClusterState
import Core
import NetworkIO
import RedisLink

/// Acquires a lock, raises its counter by one under it, releases it, and begins again.
final class LockCycles: EventLoopDelegate, LockClientDelegate {
    /// How long each attempt waits for the lock.
    private static let waitMilliseconds = 10_000
    /// Between an attempt that failed and the next one.
    private static let pauseMilliseconds = 50

    private let options: LockDriver
    private let names: [Identifier]
    private let loop: EventLoop
    private let client: LockClient
    private let counters: CounterClient
    private let log: EventLog
    private var timer: PreciseTimer?
    private var random: FastRandom
    /// Those that got their lock.
    private var cycle = 0
    /// Called when the timer fires.
    private var due: () -> Void = {}
    private var tick = Tick()

    /// The held lock as of the last tick.
    private struct Tick {
        var at = 0
        /// The end of its ttl, on the clock of locks.
        var ttlEnd = 0
    }

    init(_ options: LockDriver, _ redis: RedisOptions) throws {
        self.options = options
        names = options.locks.split(separator: ",").map { Identifier(unchecked: String($0)) }
        loop = try EventLoop()
        log = try EventLog(path: options.events)
        counters = try CounterClient(port: options.counters)
        random = FastRandom(seed: options.seed)
        client = LockClient(redis, loop: loop, quarantine: options.quarantine) { _, _ in }
        loop.delegate = self
        client.delegate = self
        timer = try PreciseTimer(loop: loop) { [unowned self] in due() }
    }

    func run() {
        client.start()
        after(0) { [unowned self] in begin() }
        loop.run()
        timer = nil
        client.stop()
    }

    // MARK: A cycle

    private func begin() {
        if options.cycles > 0, cycle >= options.cycles { return loop.stop() }
        let name = names[Int(random.next() % UInt64(names.count))]
        let asked = Clock.monotonicNanoseconds()
        var held: LockHandle?
        let request = LockRequest(name: name, owner: "driver", ttl: options.ttl, wait: Self.waitMilliseconds) {
            [unowned self] loss in
            if let held { lost(held, loss) }
        }
        client.keeper.acquire(request) { [unowned self] result in
            let took = (Clock.monotonicNanoseconds() - asked) / 1000
            switch result {
            case .success(let handle):
                held = handle
                cycle += 1
                tick.ttlEnd = end(of: handle) ?? 0
                log.write("grant", handle, ["took_us": took])
                use(handle)
            case .failure(let error):
                log.write("failed", ["lock": name.text, "why": "\(error)"])
                after(Self.pauseMilliseconds * 1_000_000) { [unowned self] in begin() }
            }
        }
    }

    private func use(_ handle: LockHandle) {
        guard check(handle) else { return again(handle) }
        let value = counters.read(handle)
        let isLong = options.longEvery > 0 && random.next() % UInt64(options.longEvery) == 0
        let most = (isLong ? 2 * options.ttl : options.hold) * 1_000_000
        let wait = most == 0 ? 0 : Int(random.next() % UInt64(most))
        after(wait) { [unowned self] in
            // One who did not ask before the act: the counter's fence alone stands between it and a lost update.
            let isValid = check(handle)
            if let value {
                let isTaken = counters.write(handle, value + 1)
                log.write(isTaken ? "written" : "fenced", handle, ["valid": isValid ? 1 : 0])
            } else {
                log.write("fenced", handle, ["valid": isValid ? 1 : 0])
            }
            again(handle)
        }
    }

    private func again(_ handle: LockHandle) {
        client.keeper.release(handle)
        after(0) { [unowned self] in begin() }
    }

    /// Asks whether the lock is held, and writes down that it is, at the very time for which that was asked.
    private func check(_ handle: LockHandle) -> Bool {
        let now = Clock.bootMilliseconds()
        let isHeld = handle.check(at: now)
        log.write(isHeld ? "valid" : "invalid", handle, at: now)
        return isHeld
    }

    private func lost(_ handle: LockHandle, _ loss: LockLoss) {
        log.write(
            "lost", handle,
            ["why": loss.rawValue, "ttl_end": tick.ttlEnd, "idle_ms": Clock.bootMilliseconds() - tick.at])
    }

    private func end(of handle: LockHandle) -> Int? {
        let now = Clock.bootMilliseconds()
        let left = handle.remaining(at: now)
        return left > 0 ? now + left + LockLimits.marginMilliseconds : nil
    }

    private func after(_ nanoseconds: Int, _ work: @escaping () -> Void) {
        due = work
        timer?.schedule(at: Clock.monotonicNanoseconds() + nanoseconds)
    }

    // MARK: The loop

    func loopTicked() {
        let now = Clock.bootMilliseconds()
        if let lock = client.keeper.held(at: now).first {
            tick.ttlEnd = lock.validUntil + LockLimits.marginMilliseconds
        }
        client.ticked()
        tick.at = now
    }

    func loopWoken() {}
    func loopTurnEnding() {}
    func loopTurnEnded() {}
    func locksConnected() {}
    func locksDisconnected(_ loss: RedisLoss) {}
}
