import ControlPlane
import WireProtocol

/// What a drill reads of `GET /api/system/status`.
struct NodeStatus: Equatable {
    /// What one signal says.
    struct Signal: Equatable {
        var value = 0.0
        var unit = ""
        /// 0 … 1.
        var pressure = 0.0
    }

    var node = ""
    var mode = ""
    var tier = Tier.normal
    var isPinned = false
    var isDryRun = false
    /// The signal that presses most; empty when none does.
    var reason = ""
    /// 0 … 1.
    var pressure = 0.0
    /// By name.
    var signals: [String: Signal] = [:]
    /// The least memory limit that somebody has set; nil when only the machine's memory is one.
    var memoryLimit: Int?
    /// By kind; only rises.
    var shed: [String: Int] = [:]
    var residentBytes: Int?
    var openFiles: Int?
    var openFilesMax: Int?
    var connections = 0
    var connectionsMax = 0
    /// "off", "online" …
    var redisState = ""
    var outboxMessages = 0

    /// - Parameter bytes: of the body.
    /// - Returns: nil when it is no status.
    init?(_ bytes: UnsafeRawBufferPointer) {
        var hasGovernor = false
        Self.walk(bytes) { name, value in
            switch name {
            case "node": node = Self.text(value)
            case "mode": mode = Self.text(value)
            case "governor":
                hasGovernor = true
                takeGovernor(value)
            case "connections":
                Self.walk(value) { name, value in
                    if name == "current" { connections = Self.number(value) ?? 0 }
                    if name == "max" { connectionsMax = Self.number(value) ?? 0 }
                }
            case "redis":
                Self.walk(value) { name, value in
                    if name == "state" { redisState = Self.text(value) }
                    if name == "outbox_messages" { outboxMessages = Self.number(value) ?? 0 }
                }
            case "process":
                Self.walk(value) { name, value in
                    if name == "rss_bytes" { residentBytes = Self.number(value) }
                    if name == "open_files" { openFiles = Self.number(value) }
                    if name == "open_files_max" { openFilesMax = Self.number(value) }
                }
            default: break
            }
        }
        guard hasGovernor else { return nil }
    }

    private mutating func takeGovernor(_ bytes: UnsafeRawBufferPointer) {
        Self.walk(bytes) { name, value in
            switch name {
            // One that this version does not know is none that it could show.
            case "tier": tier = Tier(named: Self.text(value)) ?? .heavy
            case "pinned": isPinned = Self.text(value) == "true"
            case "dry_run": isDryRun = Self.text(value) == "true"
            case "reason": reason = Self.text(value)
            case "pressure": pressure = Double(Self.text(value)) ?? 0
            case "memory_limit_bytes": memoryLimit = Self.number(value)
            case "signals": Self.walk(value) { signals[$0] = Self.signal($1) }
            case "shed_total": Self.walk(value) { shed[$0] = Self.number($1) ?? 0 }
            default: break
            }
        }
    }

    private static func signal(_ bytes: UnsafeRawBufferPointer) -> Signal {
        var signal = Signal()
        walk(bytes) { name, value in
            switch name {
            case "value": signal.value = Double(text(value)) ?? 0
            case "unit": signal.unit = text(value)
            case "pressure": signal.pressure = Double(text(value)) ?? 0
            default: break
            }
        }
        return signal
    }

    private static func walk(_ bytes: UnsafeRawBufferPointer, _ body: (String, UnsafeRawBufferPointer) -> Void) {
        var scanner = MemberScanner(bytes)
        while let member = scanner.next() { body(String(decoding: member.key, as: UTF8.self), member.value) }
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }
    private static func number(_ bytes: UnsafeRawBufferPointer) -> Int? { Int(text(bytes)) }
}
