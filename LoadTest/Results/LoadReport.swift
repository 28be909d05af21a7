import Toolkit

/// Everything that a run found out: what `--json` writes, the closing table prints and the HTML report draws.
///
/// Times are in milliseconds unless named otherwise; `second` counts from the run's start.
struct LoadReport: Codable, Sendable {
    /// Rises when a field changes its meaning.
    var formatVersion = 1
    var run: Run
    var phases: [Phase]
    var connections: Connections
    var messages: Messages
    /// One per node that is on this machine.
    var servers: [Server]
    /// One per second.
    var timeline: [Sample]
    /// The steps of the overload scenario, else empty.
    var steps: [OverloadStep]
    /// Of the resume-storm scenario.
    var storm: Storm?
    /// The tool's own use of the machine.
    var tool: Tool?

    struct Run: Codable, Sendable {
        var version: String
        var scenario: String
        var urls: [String]
        /// Every option with the value in force, in the order of the help text.
        var options: [Option]
        /// Unix milliseconds.
        var startedAt: Int
        var seconds: Double
        /// True after Ctrl-C.
        var endedEarly: Bool
        var machine: String
        var processes: Int
        var seed: UInt64
    }
    struct Option: Codable, Sendable { var name: String; var value: String }
    struct Phase: Codable, Sendable {
        /// "connect", "warm-up", "measure", "2x", "recovery" …
        var name: String
        var startSecond: Double
        var endSecond: Double
        /// Messages per second that were to be sent; nil in phases without.
        var offeredPerSecond: Double?
        /// The worst tier of any node meanwhile; nil where none said one.
        var worstTier: String?
    }
    struct Connections: Codable, Sendable {
        var wanted: Int
        var opened: Int
        /// By reason ("connect: Connection refused", "HTTP 503", "handshake timeout" …).
        var failed: [String: Int]
        var perSecond: Double
        /// From the start of connect(2) to the 101.
        var handshake: Latency
        /// By close code as text; "1006" is an end without a close frame.
        var closeCodes: [String: Int]
    }
    struct Messages: Codable, Sendable {
        var sent: Int
        var acked: Int
        /// By error code of `error` frames.
        var refused: [String: Int]
        var delivered: Int
        /// Acked messages that a connected member of the room should have got and did not.
        var lost: Int
        var duplicated: Int
        var misordered: Int
        /// Deliveries whose content is not what others got at that place, or that are of another room or epoch.
        var corrupted: Int?
        /// `gap` frames that were received: losses that the server said.
        var gaps: Int
        var sentPerSecond: Double
        var deliveredPerSecond: Double
        var receivedBytes: Int
        /// From the intended send time to the arrival at a member.
        var delivery: Latency
        /// From the intended send time to the ack.
        var ack: Latency
    }
    struct Latency: Codable, Sendable {
        var count: Int
        var mean: Double
        var p50: Double
        var p90: Double
        var p99: Double
        var p999: Double
        var max: Double
        /// For drawing: value at quantiles 0 … 1, denser towards 1.
        var curve: [Point]
        struct Point: Codable, Sendable { var quantile: Double; var milliseconds: Double }
    }
    struct Server: Codable, Sendable {
        var url: String
        var pid: Int?
        /// CPU seconds (user + system) while connecting and while measuring.
        var connectCPUSeconds: Double?
        var measureCPUSeconds: Double?
        /// User memory (PSS) that a connection added, bytes.
        var bytesPerConnection: Double?
        var deliveriesPerCPUSecond: Double?
    }
    struct Sample: Codable, Sendable {
        var second: Double
        var connected: Int
        var sent: Int
        var delivered: Int
        var refused: Int
        /// Of deliveries in this second; nil when there were none.
        var p50: Double?
        var p99: Double?
        var max: Double?
        /// From /api/system/status; nil while it does not answer or does not say.
        var tier: String?
        var pressure: Double?
        /// Total by kind.
        var shed: [String: Int]?
    }
    struct OverloadStep: Codable, Sendable {
        var name: String
        /// Multiple of the capacity.
        var factor: Double
        var offeredPerSecond: Double
        var goodputPerSecond: Double
        var p50: Double
        var p99: Double
        var refusedPerSecond: Double
        var worstTier: String?
        /// After the last step: seconds until goodput and tier were normal again.
        var recoverySeconds: Double?
    }

    /// Everybody was cut at once, and came back.
    struct Storm: Codable, Sendable {
        /// That were back.
        var connections: Int
        /// From the cut until the last one was in its room again with all that it had missed; nil when some never were.
        var recoverySeconds: Double?
        var failedAttempts: Int
        /// Messages that were delivered meanwhile.
        var replayed: Int
        /// Holes that the server said it could not replay.
        var gaps: Int
    }

    /// A tool that is busy all the time measures itself, not the server.
    struct Tool: Codable, Sendable {
        /// From here on figures are doubtful.
        static let busyShare = 0.9

        /// User and system time of all loading processes while measuring.
        var cpuSeconds: Double
        /// The largest share of one CPU that a loading process used in any second, 0 … 1.
        var cpuShareMax: Double
        /// How many loading processes were above `busyShare`.
        var busyProcesses: Int
        var deliveredPerCPUSecond: Double?
        /// By how many milliseconds its own timer was late, of 99 % of the calls; nil: nothing was sent on schedule.
        var latenessP99: Double?
        /// Of the time of this machine's processors, in use by anybody while measuring, 0 … 1.
        var hostBusyShare: Double?

        /// A timer that is so late sends in bursts, and its waiting is in each latency.
        static let lateMilliseconds = 20.0
        /// A machine that is so busy has nothing left that the node could have used.
        static let fullShare = 0.95

        /// Why the figures say as much of the machine as of the node; empty: they do not.
        var machineLimits: [String] {
            var limits: [String] = []
            if let lateness = latenessP99, lateness > Self.lateMilliseconds {
                limits.append("load_test was \(Int(lateness.rounded())) ms late (p99)")
            }
            if let share = hostBusyShare, share > Self.fullShare {
                limits.append("the processors of this machine were in use for \(Int((share * 100).rounded())) %")
            }
            return limits
        }
    }

    /// The worst tier while connecting, or while measuring; nil where no node said one.
    func worstTier(whileMeasuring: Bool) -> String? {
        NodeStatus.worstTier(
            phases.filter { ($0.name == "connect") != whileMeasuring }.compactMap(\.worstTier))
    }
}

extension LoadReport.Connections {
    /// Those that a node refused, by an HTTP status or by closing them at once.
    var refused: Int { refusedByStatus + refusedByClose }
    /// They are among `failed`.
    var refusedByStatus: Int {
        failed.filter { ["HTTP 503", "HTTP 429"].contains($0.key) }.values.reduce(0, +)
    }
    /// By 1013 (try again later), 4006 and 4100 (too many connections).
    private var refusedByClose: Int {
        closeCodes.filter { ["1013", "4006", "4100"].contains($0.key) }.values.reduce(0, +)
    }
}
