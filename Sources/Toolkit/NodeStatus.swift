import Overload
import WireProtocol

/// A node's answer to `GET /api/system/status`, as far as tools read it.
package struct NodeStatus: Equatable, Sendable {
    package struct Signal: Equatable, Sendable {
        package var value = 0.0
        package var unit = ""
        /// 0 … 1.
        package var pressure = 0.0

        package init(value: Double = 0, unit: String = "", pressure: Double = 0) {
            self.value = value
            self.unit = unit
            self.pressure = pressure
        }
    }

    package private(set) var node = ""
    package private(set) var mode = ""
    /// As the node names it.
    package private(set) var tierName = ""
    /// A tier that this version does not know counts as the worst.
    package var tier: Tier { Tier(named: tierName) ?? .heavy }
    package private(set) var isPinned = false
    package private(set) var isDryRun = false
    /// The signal that presses most; empty when none does.
    package private(set) var reason = ""
    /// 0 … 1.
    package private(set) var pressure = 0.0
    /// By name.
    package private(set) var signals: [String: Signal] = [:]
    /// The least memory limit that somebody has set; nil when only the machine's memory is one.
    package private(set) var memoryLimit: Int?
    /// By kind; only rises.
    package private(set) var shed: [String: Int] = [:]
    package private(set) var residentBytes: Int?
    /// The bytes that histories and inboxes take, and may take at most (STORED_BYTES_MAX).
    package private(set) var storedBytes = 0
    package private(set) var storedBytesMax: Int?
    package private(set) var openFiles: Int?
    package private(set) var openFilesMax: Int?
    package private(set) var connections = 0
    package private(set) var connectionsMax = 0
    /// "off", "online" …
    package private(set) var redisState = ""
    package private(set) var outboxMessages = 0

    /// - Parameter bytes: of the body.
    /// - Returns: nil when it is no status.
    package init?(_ bytes: UnsafeRawBufferPointer) {
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
            case "memory":
                Self.walk(value) { name, value in
                    if name == "stored_bytes" { storedBytes = Self.number(value) ?? 0 }
                    if name == "stored_bytes_max" { storedBytesMax = Self.number(value) }
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
            case "tier": tierName = Self.text(value)
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
