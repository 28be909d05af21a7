/// One part of a run.
enum Step: Equatable {
    case connect
    /// Sends as ordered for some seconds; nil goes on as before.
    case send(name: String, order: Load?, seconds: Double, isMeasured: Bool)
    /// Stays connected.
    case hold(seconds: Double)
    case churn(seconds: Double)
    /// Cuts everybody and waits until all are back, at most so long.
    case storm(secondsMax: Double)
    /// A closed loop that shows how much the server can take; what it finds makes the steps of `Script.overload`.
    case search(window: Int, seconds: Double)
    /// One step of the overload scenario.
    case overload(name: String, factor: Double, perSecond: Double, seconds: Double)
    /// Waits for what is on its way, then checks.
    case settle

    /// Whether it leaves connections that do nothing.
    var isAtRest: Bool {
        switch self {
        case .connect, .hold: true
        default: false
        }
    }
}

/// How all senders together send.
struct Load: Equatable {
    var perSecond: Double?
    var window: Int?
    var rampSeconds = 0.0
}

/// The steps of each scenario.
enum Script {
    /// How long the search for the capacity takes, as a part of the duration that was asked for; never below 2 s.
    private static let searchPart = 0.2
    /// Messages in flight per sender while searching: enough to keep a server busy over loopback.
    private static let searchWindow = 16
    /// A storm that is not over by then is reported as it stands.
    private static let stormSecondsMax = 60.0

    static func steps(of plan: Plan) -> [Step] {
        let load = Load(perSecond: plan.messageRate, window: plan.window, rampSeconds: plan.rampSeconds)
        switch plan.scenario {
        case .broadcast, .smallRooms, .echo:
            return [.connect] + warmUp(load, plan)
                + [.send(name: "measure", order: nil, seconds: plan.seconds, isMeasured: true), .settle]
        case .idle: return [.connect, .hold(seconds: plan.seconds), .settle]
        case .churn: return [.churn(seconds: plan.seconds), .settle]
        case .resumeStorm:
            return [
                .connect, .send(name: "before", order: load, seconds: plan.seconds / 2, isMeasured: true),
                .storm(secondsMax: stormSecondsMax),
                .send(name: "after", order: nil, seconds: plan.seconds / 2, isMeasured: true), .settle,
            ]
        case .overload:
            guard let capacity = plan.capacity else {
                let seconds = max(2, plan.seconds * searchPart)
                return [.connect, .search(window: searchWindow, seconds: seconds)]
            }
            return [.connect] + overload(capacity: capacity, seconds: plan.seconds)
        }
    }

    /// The ramp that was asked for, or a second in which caches fill and branches are learned.
    private static func warmUp(_ load: Load, _ plan: Plan) -> [Step] {
        if plan.rampSeconds > 0 {
            return [.send(name: "ramp", order: load, seconds: plan.rampSeconds, isMeasured: false)]
        }
        return [.send(name: "warm-up", order: load, seconds: min(1, plan.seconds / 10), isMeasured: false)]
    }

    /// A server that is not back to normal by then is not waited for: twice what the contract's tiers take to be left.
    private static let recoverySecondsMax = 60.0

    /// From what the server can take to ten times as much, the fifth part of the time each, then half of it until all
    /// is normal again.
    static func overload(capacity: Double, seconds: Double) -> [Step] {
        let factors: [(String, Double)] = [("1x", 1), ("2x", 2), ("5x", 5), ("10x", 10), ("recovery", 0.5)]
        return factors.map { name, factor in
            let length = factor < 1 ? max(recoverySecondsMax, seconds / 5) : seconds / 5
            return .overload(name: name, factor: factor, perSecond: capacity * factor, seconds: length)
        } + [.settle]
    }
}
