import NetworkIO

/// Why there is no connection to Redis, or no more.
package enum RedisLoss: Error, Equatable, Sendable, CustomStringConvertible {
    /// The host's name has no address; the text is the resolver's.
    case unresolved(String)
    /// No connection came about; the text is the system's.
    case unreachable(String)
    /// No TLS came about, or it was broken; the text says why.
    case insecure(String)
    /// Redis answered the opening with an error.
    case refused(RedisStep, code: String, message: String)
    /// A reply, the connect or a look-up took longer than REDIS_TIMEOUT.
    case timedOut(RedisStep)
    /// Redis sent bytes that are no RESP, or a reply that nobody asked for.
    case violation(String)
    /// Redis ended the connection, or it broke; the text says which.
    case closed(String)
    /// We ended it, to look the name up and connect anew.
    case renewed
    /// We ended it for good.
    case stopped

    /// One line without secrets.
    package var description: String {
        switch self {
        case .unresolved(let text), .unreachable(let text), .insecure(let text), .closed(let text): text
        case .refused(let step, let code, let message): "\(step.rawValue) was refused: \(code) \(message)"
        case .timedOut(let step): "\(step.rawValue): no answer in time"
        case .violation(let text): "not what Redis answers: \(text)"
        case .renewed: "given up for a new one"
        case .stopped: "stopped"
        }
    }

    /// Whether another address of the same name may do better: this one gave no sign of Redis.
    package var isOfAddress: Bool {
        switch self {
        case .unreachable, .insecure, .closed: true
        case .timedOut(let step): step == .connect || step == .tls
        case .unresolved, .refused, .violation, .renewed, .stopped: false
        }
    }
}

/// The steps of a connection, in order.
package enum RedisStep: String, Sendable {
    case resolve = "look-up of the name"
    case connect = "connect"
    case tls = "TLS"
    case auth = "AUTH"
    case select = "SELECT"
    case info = "INFO"
    case ping = "PING"
    /// A command of the owner's.
    case command = "command"
}
