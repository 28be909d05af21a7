import ArgumentParser
import ClusterState
import Core
import Gateway
import NetworkIO
import RedisLink

/// `sluice lock`
struct RunUnderLock: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock",
        abstract: "Run a command that only one at a time may run, on all machines that share a Redis.",
        usage: "sluice lock NAME [--ttl SECONDS] [--wait SECONDS] -- COMMAND…",
        discussion: """
            Within COMMAND the same NAME is entered again at once, with the same number.

            Waits for the lock NAME in the Redis of REDIS_URL and runs COMMAND while it holds the lock, which is \
            renewed meanwhile. \(LockedCommand.tokenVariable) holds a number that rises with each new holder: what \
            COMMAND writes to should refuse a lower one than it has seen.

            Signals are passed on to COMMAND and its process group, which is killed when this process is. When the \
            lock is lost, because Redis is away or has lost its data, the group gets SIGTERM, and SIGKILL before the \
            ttl ends.

            Exit status: COMMAND's, or 128 plus the signal that ended it; 75 when the lock was not acquired in time, \
            69 when Redis is away, 70 when the lock was lost, 78 when the configuration is wrong or REDIS_URL is not \
            set, 127 when there is no COMMAND of that name, 126 when it can't be run.
            """)

    @Argument(help: "The lock.")
    var name: String

    @Option(help: "How long the lock outlives its holder, should that vanish: 3 to 30 seconds.")
    var ttl = Double(LockLimits.ttlMilliseconds.upperBound) / 1000

    @Option(help: "How long to wait for the lock, 0: not at all. (default: as long as it takes)")
    var wait: Double?

    @Argument(parsing: .postTerminator, help: "What to run, and its arguments.")
    var command: [String]

    /// sysexits(3)
    private enum Status {
        static let unavailable: Int32 = 69
        static let lost: Int32 = 70
        static let notAcquired: Int32 = 75
        /// As shells have it.
        static let notExecutable: Int32 = 126
        static let notFound: Int32 = 127
        static let signal: Int32 = 128
    }

    /// A day: more is better said by no `--wait` at all.
    private static let waitSecondsMax = 86_400.0

    func validate() throws {
        let allowed = LockLimits.ttlMilliseconds
        guard Identifier(validating: name) != nil else {
            throw ValidationError("NAME is to be \(Identifier.rule)")
        }
        guard allowed.contains(milliseconds(ttl)) else {
            throw ValidationError("--ttl is to be \(allowed.lowerBound / 1000) to \(allowed.upperBound / 1000) seconds")
        }
        guard (0...Self.waitSecondsMax).contains(wait ?? 0) else {
            throw ValidationError("--wait is to be 0 to \(Int(Self.waitSecondsMax)) seconds")
        }
        guard command.first?.isEmpty == false else { throw ValidationError("no COMMAND stands behind the --") }
    }

    func run() throws {
        let redis = try Configuration.redisOfProcess()
        let job = LockedCommand.Job(
            lock: Identifier(unchecked: name), ttl: milliseconds(ttl), wait: wait.map(milliseconds), words: command,
            holders: Self.holders)
        let (outcome, lines): (LockedCommand.Outcome, LineOutput)
        do throws(SystemError) {
            // What is said must not keep the lock's renewals waiting: COMMAND writes to the same place.
            lines = try LineOutput(LineOutput.standardError) { Array("sluice: \($0) lines were dropped\n".utf8) }
            outcome = try LockedCommand(job, redis: redis) { say(text(of: $0), by: lines) }.run()
        } catch {
            Output.errorLine("sluice: can't start: \(error)")
            throw ExitCode(Status.unavailable)
        }
        let (status, why) = status(of: outcome, redis.url)
        if let why { say(why, by: lines) }
        lines.flush(withinMilliseconds: Self.flushMilliseconds)
        // Not by returning: a look-up that is still under way would be waited for.
        ProcessEnd.now(status)
    }

    private func say(_ text: String, by lines: LineOutput) { lines.write(Array("sluice: \(text)\n".utf8)) }

    /// Those for whom this process works.
    private static var holders: [String] {
        let text = ProcessEnvironment.variables[LockedCommand.ownerVariable] ?? ""
        return text.split(separator: " ").prefix(holdersMax).map(String.init)
    }

    /// Deeper than that nobody nests.
    private static let holdersMax = 64
    /// How long the end waits for somebody who reads standard error.
    private static let flushMilliseconds = 1_000

    /// To the next millisecond; out of any range when that can't be said.
    private func milliseconds(_ seconds: Double) -> Int { Int(exactly: (seconds * 1000).rounded(.up)) ?? .max }

    private var quarantineSeconds: Int { LockLimits.ttlMilliseconds.upperBound / 1000 }

    private func seconds(_ milliseconds: Int) -> Int { (milliseconds + 999) / 1000 }

    private func text(of note: LockedCommand.Note) -> String {
        switch note {
        case .waiting(.taken, let left):
            return "waiting for the lock \(name): another has it, for \(seconds(left)) s still if it does not renew it"
        case .waiting(.quarantine, let left):
            return "waiting for the lock \(name): Redis is new or may have lost locks, and grants none for "
                + "\(seconds(left)) s still"
        case .losing(let loss):
            let why =
                switch loss {
                case nil, .expired: "Redis has not confirmed it for too long"
                case .notOwner: "Redis says that it is another's"
                case .generationChanged: "Redis has lost its data"
                }
            return "the lock \(name) is lost: \(why); ending \(command[0])"
        }
    }

    /// The exit status, and its reason for the person at the terminal.
    private func status(of outcome: LockedCommand.Outcome, _ url: RedisURL) -> (Int32, why: String?) {
        switch outcome {
        case .ended(let status): return (status, nil)
        case .interrupted(let signal): return (Status.signal + signal, nil)
        case .lost: return (Status.lost, nil)
        case .unstartable(let error):
            return (error.isNotFound ? Status.notFound : Status.notExecutable, "can't run \(error)")
        case .storeAway(let why):
            let hint = "`sluice check-redis` tries it out step by step"
            return (Status.unavailable, "\(url) can't be used: \(why); \(hint)")
        case .notAcquired(let error):
            let why = "the lock \(name) was not acquired: \(text(of: error))"
            if case .evicting = error { return (Status.unavailable, why) }
            return (Status.notAcquired, why)
        }
    }

    private func text(of error: LockError) -> String {
        switch error {
        case .evicting(let policy):
            "Redis evicts keys when its memory is full (maxmemory-policy \(policy)), and so could forget who has it; set "
                + "maxmemory-policy to noeviction"
        case .taken: "another has it; --wait SECONDS would wait for it"
        case .quarantined(let left):
            "Redis is new or has lost data, and grants no lock for another \(seconds(left)) s; --wait SECONDS "
                + "would wait for that"
        case .timedOut:
            "another had it all the time, or Redis is new or lost data less than \(quarantineSeconds) s ago"
        case .full: "\(LockLimits.waitersMax) others wait for it already"
        case .storeAway, .refused, .closed: "\(error)"
        }
    }
}
