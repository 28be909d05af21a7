import ClusterState
import Core
import NetworkIO
import RedisLink

/// Runs a command while holding a lock of the cluster: `sluice lock`.
///
/// Runs a loop of its own on the caller's thread, which has to be the main thread: the command dies with it.
final class LockedCommand: EventLoopDelegate, LockClientDelegate {
    /// The command, and the lock that it needs.
    struct Job {
        let lock: Identifier
        /// In milliseconds, within `LockLimits.ttlMilliseconds`.
        let ttl: Int
        /// How long to wait for the lock, in milliseconds; nil: as long as it takes.
        let wait: Int?
        /// The command and its arguments.
        let words: [String]
        /// Whoever this process works for: those of the locks that they have are entered again.
        let holders: [String]

        init(lock: Identifier, ttl: Int, wait: Int?, words: [String], holders: [String]) {
            self.lock = lock
            self.ttl = ttl
            self.wait = wait
            self.words = words
            self.holders = holders
        }
    }

    /// How it ended.
    enum Outcome {
        /// The command's exit status, or 128 + the signal that ended it.
        case ended(status: Int32)
        /// A signal came before there was a lock.
        case interrupted(signal: Int32)
        case unstartable(SystemError)
        case notAcquired(LockError)
        /// Redis was away before there was a lock; the text says why.
        case storeAway(String)
        /// The command was ended because the lock was lost, or about to be.
        case lost
    }

    /// Events on the way that the person at the terminal may want to know.
    enum Note {
        /// It takes longer than a moment, for this reason and perhaps so long still (milliseconds).
        case waiting(LockWait, left: Int)
        /// The command must end: the lock is lost, or about to be, as no renewal succeeds (nil).
        case losing(LockLoss?)
    }

    private enum Phase {
        case waiting
        case running(LockHandle, CommandProcess, LockedWork)
        /// The command runs under a lock that somebody has whom this process works for, and who ends it with the lock.
        case inside(CommandProcess)
        /// The lock is given back, or lost.
        case over(Outcome, since: Int)
    }

    /// The variable in which the command finds its fencing token.
    static let tokenVariable = "SLUICE_LOCK_TOKEN"
    /// The variable in which it finds who has the locks under which it runs, with spaces between.
    static let ownerVariable = "SLUICE_LOCK_OWNER"
    /// After so long the person at the terminal hears that the lock is waited for.
    private static let noteMilliseconds = 2_000
    /// And again after so long, or when it is something else.
    private static let nextNoteMilliseconds = 60_000
    /// The owner of the lock within this process.
    private static let owner = "command"
    /// No deadline: ten years.
    private static let neverMilliseconds = 10 * 365 * 86_400_000
    /// How long Redis has for confirming that the lock was given back; without that it ends by its ttl.
    private static let settleMilliseconds = 1_000

    private let job: Job
    private let note: (Note) -> Void
    private let loop: EventLoop
    private let client: LockClient
    private var signals: SignalWatcher?
    private var stops: SignalWatcher?
    private var phase = Phase.waiting
    /// The command's exit status, once it has ended; others of its group may go on.
    private var commandStatus: Int32?
    private let startedAt = Clock.bootMilliseconds()
    private var hasAsked = false
    /// The last note on what is waited for, and when it was.
    private var noted: (wait: LockWait, at: Int)?

    /// - Throws: `SystemError` when the system is out of descriptors or memory.
    init(_ job: Job, redis: RedisOptions, note: @escaping (Note) -> Void) throws(SystemError) {
        self.job = job
        self.note = note
        loop = try EventLoop()
        client = LockClient(redis, loop: loop) { _, _ in }
        loop.delegate = self
        client.delegate = self
    }

    /// Returns when the command has ended, or can't be run.
    func run() throws(SystemError) -> Outcome {
        signals = try watch(ProcessSignal.requests + [ProcessSignal.childChanged, ProcessSignal.resume])
        client.start()
        // A loop that was stopped before it runs does not run at all.
        if !isSettled { loop.run() }
        (signals, stops) = (nil, nil)
        client.stop()
        guard case .over(let outcome, _) = phase else { preconditionFailure("the loop has ended before the command") }
        return outcome
    }

    // MARK: The lock

    func locksConnected() {
        guard case .waiting = phase, !hasAsked else { return }
        hasAsked = true
        guard !job.holders.isEmpty else { return ask() }
        client.keeper.token(of: job.lock, heldBy: job.holders) { [unowned self] result in
            guard case .waiting = phase else { return }
            switch result {
            case .success(let token?): enterAgain(token)
            case .success(nil): ask()
            case .failure(let error): refused(error)
            }
        }
    }

    private func ask() {
        // The way to Redis took some of the time.
        let left = job.wait.map { $0 == 0 ? 0 : max(1, $0 - (Clock.bootMilliseconds() - startedAt)) }
        let request = LockRequest(
            name: job.lock, owner: Self.owner, ttl: job.ttl, wait: left ?? .max,
            isAlive: { [unowned self] in isRunning }
        ) { [unowned self] in lost($0) }
        client.keeper.acquire(request) { [unowned self] result in
            switch result {
            case .success(let handle): acquired(handle)
            case .failure(let error): refused(error)
            }
        }
    }

    private func refused(_ error: LockError) {
        switch error {
        case .storeAway: end(.storeAway("the connection was lost"))
        case .refused(let code, let message): end(.storeAway("\(code) \(message)"))
        case .evicting, .taken, .quarantined, .timedOut, .full, .closed: end(.notAcquired(error))
        }
    }

    /// The lock is had already by somebody whom this process works for: that one keeps it, and ends us with it.
    private func enterAgain(_ token: Int) {
        do throws(SystemError) {
            stops = try watch([ProcessSignal.stop])
            let deadline = Clock.bootMilliseconds() + Self.neverMilliseconds
            phase = .inside(try start(token: token, holders: job.holders, deadline: deadline))
        } catch {
            end(.unstartable(error))
        }
    }

    private func start(token: Int, holders: [String], deadline: Int) throws(SystemError) -> CommandProcess {
        let variables = [(Self.tokenVariable, "\(token)"), (Self.ownerVariable, holders.joined(separator: " "))]
        return try CommandProcess(job.words, variables: variables, terminal: Terminal(), deadline: deadline)
    }

    func locksDisconnected(_ loss: RedisLoss) {
        // Holders go on: Redis has until the end of their lease.
        if case .waiting = phase { end(.storeAway(loss.description)) }
    }

    private func acquired(_ handle: LockHandle) {
        do throws(SystemError) {
            stops = try watch([ProcessSignal.stop])
            let now = Clock.bootMilliseconds()
            let work = LockedWork(ttl: job.ttl, validUntil: now + handle.remaining(at: now))
            let command = try start(
                token: handle.token, holders: job.holders + [handle.holder], deadline: work.deadline)
            phase = .running(handle, command, work)
        } catch {
            client.keeper.release(handle)
            end(.unstartable(error))
        }
    }

    private func lost(_ loss: LockLoss) {
        guard case .running(let handle, let command, var work) = phase else { return }
        let order = work.lost(at: Clock.bootMilliseconds())
        phase = .running(handle, command, work)
        obey(order, command, because: loss)
    }

    // MARK: The command

    private var isRunning: Bool {
        if case .running = phase { true } else { false }
    }

    private func obey(_ order: LockedWork.Order, _ command: CommandProcess, because loss: LockLoss?) {
        switch order {
        case .nothing: break
        case .askToEnd:
            note(.losing(loss))
            command.signal(ProcessSignal.terminate)
            // One that is stopped can't end.
            command.signal(ProcessSignal.resume)
        case .kill: command.signal(ProcessSignal.kill)
        }
    }

    private func commandTicked(_ handle: LockHandle, _ command: CommandProcess, _ former: LockedWork) {
        let now = Clock.bootMilliseconds()
        var work = former
        let remaining = handle.remaining(at: now)
        if remaining > 0 { work.renewed(validUntil: now + remaining) }
        if work.deadline != former.deadline { command.extend(to: work.deadline) }
        let order = work.ticked(at: now)
        phase = .running(handle, command, work)
        obey(order, command, because: nil)
        childChanged()
    }

    private func childChanged() {
        let command: CommandProcess
        switch phase {
        case .running(_, let running, _), .inside(let running): command = running
        case .waiting, .over: return
        }
        while let change = command.nextChange() {
            switch change {
            case .stopped(let isByTerminal): if isByTerminal { command.suspendWithIt() }
            case .ended(let status): commandStatus = status
            }
        }
        guard let status = commandStatus else { return }
        guard case .running(let handle, _, let work) = phase else {
            command.letGo()
            return end(.ended(status: status))
        }
        let isLost = work.isEnding || !handle.check(at: Clock.bootMilliseconds())
        // When the lock is lost, all of its group has to end; who was killed may be left for init to bury.
        if isLost, command.hasGroup, !work.isKilled { return }
        command.letGo()
        client.keeper.release(handle)
        end(isLost ? .lost : .ended(status: status))
    }

    private func received(_ signal: Int32) {
        switch (signal, phase) {
        case (ProcessSignal.childChanged, _): childChanged()
        case (ProcessSignal.resume, .inside(let command)): command.resume()
        case (ProcessSignal.resume, .running(_, let command, _)):
            // The time that has passed may have cost the lock: then the command must hear so before it goes on.
            loopTicked()
            command.resume()
        case (ProcessSignal.resume, _), (_, .over): break
        case (_, .running(_, let command, _)), (_, .inside(let command)): command.signal(signal)
        case (_, .waiting): end(.interrupted(signal: signal))
        }
    }

    /// Signals that this process was started to ignore stay ignored, by the command too.
    private func watch(_ signals: [Int32]) throws(SystemError) -> SignalWatcher {
        try SignalWatcher(signals.filter { !ProcessSignal.isIgnored($0) }, loop: loop) { [unowned self] in
            received($0)
        }
    }

    // MARK: The loop

    private func end(_ outcome: Outcome) {
        if case .over = phase { return }
        phase = .over(outcome, since: Clock.bootMilliseconds())
        client.keeper.close()
        if isSettled { loop.stop() }
    }

    private var isSettled: Bool {
        guard case .over(let outcome, let since) = phase else { return false }
        if case .storeAway = outcome { return true }
        return client.keeper.isSettled || Clock.bootMilliseconds() - since > Self.settleMilliseconds
    }

    func loopTicked() {
        client.ticked()
        if case .running(let handle, let command, let work) = phase { commandTicked(handle, command, work) }
        if case .waiting = phase, hasAsked { noteWait(at: Clock.bootMilliseconds()) }
    }

    private func noteWait(at now: Int) {
        guard now - startedAt > Self.noteMilliseconds, let wait = client.keeper.wait(for: job.lock, owner: Self.owner)
        else { return }
        let until: Int
        switch (wait, noted?.wait) {
        case (.taken(let end), .taken), (.quarantine(let end), .quarantine):
            guard let noted, now - noted.at >= Self.nextNoteMilliseconds else { return }
            until = end
        case (.taken(let end), _), (.quarantine(let end), _): until = end
        }
        noted = (wait, now)
        note(.waiting(wait, left: max(until - now, 0)))
    }

    func loopTurnEnded() {
        if isSettled { loop.stop() }
    }

    func loopWoken() {}
    func loopTurnEnding() {}
}
