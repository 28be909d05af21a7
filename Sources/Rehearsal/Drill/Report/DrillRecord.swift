import Overload
import Toolkit

/// A node's way through a drill: a sample for each status that came, and what follows from them.
///
/// A value; times are milliseconds since the drill began.
struct DrillRecord {
    struct Sample: Equatable {
        let at: Int
        let tier: Tier
        let pressure: Double
        let reason: String
        /// By name, of those that the drill is about and the node has.
        let signals: [String: NodeStatus.Signal]
        let mode: String
    }

    private static let samplesMax = 20_000

    private let shedBefore: [String: Int]
    private let signals: [String]
    private(set) var samples: [Sample] = []
    /// When a tier, or a worse one, was seen first.
    private(set) var timeTo: [Tier: Int] = [:]
    private(set) var worst = Tier.normal
    /// The signal that pressed most when the worst tier was seen first.
    private(set) var reason = ""
    /// Work that was given up since the drill began, by kind.
    private(set) var shed: [String: Int] = [:]
    /// When the strain ended.
    private(set) var endedAt: Int?
    /// How long after that the node was normal again; nil: it was not, or nobody waited for it.
    private(set) var normalAfter: Int?

    /// - Parameters:
    ///   - before: the node as it was.
    ///   - signals: those that the drill is about.
    init(before: NodeStatus, signals: [String]) {
        shedBefore = before.shed
        self.signals = signals
    }

    mutating func heard(_ status: NodeStatus, at time: Int) {
        if samples.count < Self.samplesMax {
            samples.append(
                Sample(
                    at: time, tier: status.tier, pressure: status.pressure, reason: status.reason,
                    signals: status.signals.filter { signals.contains($0.key) }, mode: status.mode))
        }
        for tier in Tier.allCases where tier > .normal && tier <= status.tier && timeTo[tier] == nil {
            timeTo[tier] = time
        }
        if status.tier > worst {
            worst = status.tier
            reason = status.reason
        }
        for (kind, count) in status.shed { shed[kind] = max(0, count - shedBefore[kind, default: 0]) }
    }

    mutating func ended(at time: Int) { endedAt = time }
    mutating func wasNormal(at time: Int) { normalAfter = time - (endedAt ?? 0) }

    /// The signal of the drill that presses most in a status; nil when the node has none of them.
    func signal(in status: NodeStatus) -> (name: String, signal: NodeStatus.Signal)? {
        var found: (name: String, signal: NodeStatus.Signal)?
        for name in signals {
            guard let signal = status.signals[name] else { continue }
            if found.map({ $0.signal.pressure < signal.pressure }) ?? true { found = (name, signal) }
        }
        return found
    }
}
