import WireProtocol

/// A frame from the server, as far as a load test reads it.
struct ServerFrame {
    enum Kind {
        case message, ack, joinedRoom, gap, error, other
    }

    var kind = Kind.other
    var seq: UInt64?
    /// Of `gap`.
    var nextSeq: UInt64?
    /// Of `joined_room`: messages that follow.
    var missed: UInt64 = 0
    /// Of `error`.
    var retryMilliseconds: UInt64?
    var code = UnsafeRawBufferPointer(start: nil, count: 0)
    var epoch = UnsafeRawBufferPointer(start: nil, count: 0)
    var room = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Of a message, as stamped by its sender.
    var content = UnsafeRawBufferPointer(start: nil, count: 0)
    var id = UnsafeRawBufferPointer(start: nil, count: 0)

    /// Reads any frame; one that has no shape is `other`.
    init(_ bytes: UnsafeRawBufferPointer) {
        var scanner = MemberScanner(bytes)
        while let member = scanner.next() { take(member) }
    }

    private mutating func take(_ member: MemberScanner.Member) {
        if member.key.equals("type") {
            kind = Self.kind(member.value)
        } else if member.key.equals("seq") {
            seq = member.number
        } else if member.key.equals("epoch") {
            epoch = member.value
        } else if member.key.equals("room") {
            room = member.value
        } else if member.key.equals("id") {
            id = member.value
        } else if member.key.equals("content") {
            content = member.value
        } else if member.key.equals("next_seq") {
            nextSeq = member.number
        } else if member.key.equals("missed") {
            missed = member.number ?? 0
        } else if member.key.equals("code") {
            code = member.value
        } else if member.key.equals("retry_ms") {
            retryMilliseconds = member.number
        }
    }

    private static func kind(_ type: UnsafeRawBufferPointer) -> Kind {
        if type.equals("message") { return .message }
        if type.equals("ack") { return .ack }
        if type.equals("joined_room") { return .joinedRoom }
        if type.equals("gap") { return .gap }
        return type.equals("error") ? .error : .other
    }

    /// {"type": as eight bytes.
    private static let beginning = Array("{\"type\":".utf8).withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }

    /// Whether a frame is what its kind asks about, and not, for example, somebody else's coming or going: decided by
    /// the first bytes of the type where a frame begins as the server writes them.
    @inline(__always)
    static func concerns(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count > 16, let base = bytes.baseAddress else { return true }
        guard base.loadUnaligned(as: UInt64.self) == beginning, bytes[8] == UInt8(ascii: "\"") else { return true }
        // "joined" or "left", "presence", "typing", "read", "device", "welcome": not ours to read.
        switch bytes[9] {
        case UInt8(ascii: "j"): return bytes[15] == UInt8(ascii: "_")
        case UInt8(ascii: "l"), UInt8(ascii: "p"), UInt8(ascii: "t"), UInt8(ascii: "r"), UInt8(ascii: "d"),
            UInt8(ascii: "w"):
            return false
        default: return true
        }
    }
}
