/// The members of JSON objects that clients send, over WebSocket and over HTTP.
package enum Field: Int, Sendable {
    case type, id, room, content, messageType, replyTo, to, deviceType, typing, seq, after, before, limit, since, epoch
    case t, user, from, name, maxUsers, historySize, tier, inbox, token, data

    static let count = 25

    /// The name on the wire.
    package var name: StaticString {
        switch self {
        case .type: "type"
        case .id: "id"
        case .room: "room"
        case .content: "content"
        case .messageType: "message_type"
        case .replyTo: "reply_to"
        case .to: "to"
        case .deviceType: "device_type"
        case .typing: "typing"
        case .seq: "seq"
        case .after: "after"
        case .before: "before"
        case .limit: "limit"
        case .since: "since"
        case .epoch: "epoch"
        case .t: "t"
        case .user: "user"
        case .from: "from"
        case .name: "name"
        case .maxUsers: "max_users"
        case .historySize: "history_size"
        case .tier: "tier"
        case .inbox: "inbox"
        case .token: "token"
        case .data: "data"
        }
    }

    /// The field with this name; the length alone leaves few to compare.
    @inline(__always)
    static func named(_ raw: UnsafeRawBufferPointer) -> Field? {
        switch raw.count {
        case 1: first(.t, in: raw)
        case 2: first(.id, .to, in: raw)
        case 3: first(.seq, in: raw)
        case 4: first(.type, .room, .user, .from, .name, .tier, .data, in: raw)
        case 5: first(.since, .epoch, .limit, .after, .inbox, .token, in: raw)
        case 6: first(.typing, .before, in: raw)
        case 7: first(.content, in: raw)
        case 8: first(.replyTo, in: raw)
        case 9: first(.maxUsers, in: raw)
        case 11: first(.deviceType, in: raw)
        case 12: first(.messageType, .historySize, in: raw)
        default: nil
        }
    }

    @inline(__always)
    private static func first(_ candidates: Field..., in raw: UnsafeRawBufferPointer) -> Field? {
        for candidate in candidates where raw.equals(candidate.name) { return candidate }
        return nil
    }
}

extension UnsafeRawBufferPointer {
    /// Whether these are the bytes of `text`.
    @inline(__always)
    package func equals(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        for index in 0..<count where self[index] != text.utf8Start[index] { return false }
        return true
    }
}

/// Why an object's members can't be used.
package enum FieldFault: Error, Sendable {
    case badJSON(JSONFault)
    /// The text names the field, what was wrong and what is allowed.
    case badField(String)
}

/// The known members of one JSON object, where they lie in the input. Unknown members were checked and passed over.
package struct FieldTable: ~Copyable {
    /// A value in few bytes. Messages are far smaller than what 32 bits count.
    private struct Place {
        var offset: UInt32 = 0
        var length: UInt32 = 0
        var kind = JSONKind.null
        var hasEscapes = false
    }

    private let base: UnsafeRawPointer
    private var places = InlineArray<25, Place>(repeating: Place())
    /// Fields that are there, and those that stood more than once, one bit each.
    private var present: UInt32 = 0
    private var repeated: UInt32 = 0

    /// Scans a whole object.
    package init(scanning bytes: UnsafeRawBufferPointer) throws(FieldFault) {
        var scanner = JSONScanner(bytes)
        base = scanner.base
        do {
            try scan(&scanner)
        } catch .tooDeep {
            throw .badField("values may be nested at most \(JSONScanner.depthMax) deep")
        } catch {
            throw .badJSON(error)
        }
        if scanner.sawLoneSurrogate {
            throw .badField("strings must not contain escapes of half a surrogate pair")
        }
    }

    private mutating func scan(_ scanner: inout JSONScanner) throws(JSONFault) {
        scanner.skipWhitespace()
        guard scanner.index < scanner.count, scanner.byte(at: scanner.index) == UInt8(ascii: "{") else {
            throw scanner.fault
        }
        scanner.index &+= 1
        scanner.skipWhitespace()
        if scanner.index < scanner.count, scanner.byte(at: scanner.index) == UInt8(ascii: "}") {
            scanner.index &+= 1
            return try scanner.expectEnd()
        }
        while true {
            scanner.skipWhitespace()
            let key = try scanner.string()
            scanner.skipWhitespace()
            try scanner.expect(UInt8(ascii: ":"))
            scanner.skipWhitespace()
            let value = try scanner.value()
            if let field = Self.field(key) { take(value, as: field) }
            scanner.skipWhitespace()
            guard scanner.index < scanner.count else { throw scanner.fault }
            if scanner.byte(at: scanner.index) == UInt8(ascii: ",") {
                scanner.index &+= 1
                continue
            }
            try scanner.expect(UInt8(ascii: "}"))
            return try scanner.expectEnd()
        }
    }

    @inline(__always)
    private mutating func take(_ value: JSONValue, as field: Field) {
        let bit: UInt32 = 1 << UInt32(field.rawValue)
        repeated |= present & bit
        present |= bit
        let offset = value.raw.baseAddress.map { $0 - base } ?? 0
        var all = places.mutableSpan
        all[field.rawValue] = Place(
            offset: UInt32(offset), length: UInt32(value.raw.count), kind: value.kind, hasEscapes: value.hasEscapes)
    }

    @inline(__always)
    private static func field(_ key: JSONValue) -> Field? {
        if !key.hasEscapes { return Field.named(key.raw) }
        return JSONText.unescape(key.raw).flatMap { bytes in bytes.withUnsafeBytes(Field.named) }
    }

    /// Whether the bytes hold JSON of another kind than an object; asked after a syntax fault at the first byte.
    package static func isOtherJSON(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var scanner = JSONScanner(bytes)
        do {
            scanner.skipWhitespace()
            _ = try scanner.value()
            try scanner.expectEnd()
            return true
        } catch {
            return error == .tooDeep
        }
    }

    /// Whether a field is there, however often.
    @inline(__always)
    func has(_ field: Field) -> Bool { present & (1 << UInt32(field.rawValue)) != 0 }

    /// The value of a field, or nil when it is absent; repeated it is an error.
    package func value(_ field: Field) throws(FieldFault) -> JSONValue? {
        let bit: UInt32 = 1 << UInt32(field.rawValue)
        guard present & bit != 0 else { return nil }
        if repeated & bit != 0 { throw .badField("\"\(field.name)\" stands more than once") }
        // Through a span: a subscript would copy the whole table first.
        let place = places.span[field.rawValue]
        return JSONValue(
            kind: place.kind,
            raw: UnsafeRawBufferPointer(start: base + Int(place.offset), count: Int(place.length)),
            hasEscapes: place.hasEscapes)
    }
}
