import Core
import WireProtocol

/// The text of a client's frame.
enum ClientJSONRules {
    static func check(_ input: UnsafeRawBufferPointer) throws {
        try Pieces.withCopy(of: input) { copy in
            let bytes = UnsafeRawBufferPointer(copy)
            try checkMembers(bytes)
            // The decoder of frames has seen to that.
            guard let text = String(validating: bytes, as: UTF8.self) else { return }
            try checkFrame(bytes)
            try checkWriter(text)
        }
    }

    private static func holdInside(_ slice: UnsafeRawBufferPointer, of input: UnsafeRawBufferPointer) throws {
        guard let start = slice.baseAddress, let base = input.baseAddress else {
            return try hold(slice.isEmpty, "a slice of nothing")
        }
        try hold(start >= base && start + slice.count <= base + input.count, "a slice that is not in the input")
    }

    /// The lenient scanner stays within the bytes, whatever they are.
    private static func checkMembers(_ bytes: UnsafeRawBufferPointer) throws {
        var members = MemberScanner(bytes)
        while let member = members.next() {
            try holdInside(member.key, of: bytes)
            try holdInside(member.value, of: bytes)
            _ = (member.number, member.isString)
        }
        var elements = MemberScanner(bytes)
        while let element = elements.nextElement() { try holdInside(element, of: bytes) }
    }

    private static func checkFrame(_ bytes: UnsafeRawBufferPointer) throws {
        let reference = ReferenceJSON.read(Array(bytes))
        switch ClientFrame.parse(bytes) {
        case .failure(let fault):
            try hold(
                [.badJSON, .badFrame, .unknownType].contains(fault.code), "a fault with the code \(fault.code)")
            if let id = fault.id { try hold(isMessageID(id), "a fault with an id that is none") }
            guard let reference else { return }
            try hold((fault.code == .badJSON) == !reference.isJSON, "\(fault.code): \(fault.message)")
            try hold(reference.isObject || fault.code != .unknownType, "a type of what is no object")
        case .success(let frame):
            if let reference { try hold(reference.isJSON && reference.isObject, "a frame that is no JSON object") }
            if let id = frame.id {
                try holdInside(id.raw, of: bytes)
                try hold(isMessageID(id.text), "a message id that is none")
            }
            try check(frame.body, in: bytes)
        }
    }

    private static func isMessageID(_ text: String) -> Bool { Array(text.utf8).withUnsafeBytes(MessageID.isValid) }

    private static func check(_ body: ClientFrame.Body, in bytes: UnsafeRawBufferPointer) throws {
        let numberMax: UInt64 = 9_007_199_254_740_991
        switch body {
        case .message(let fields): try check(fields, in: bytes)
        case .direct(_, let fields, let deviceType):
            try check(fields, in: bytes)
            if let deviceType { try hold((1...32).contains(deviceType.text.utf8.count), "a type of a wrong length") }
        case .read(let seq): try hold(seq <= numberMax, "a seq beyond what is exact")
        case .history(let query): try hold((1...500).contains(query.limit), "a limit of \(query.limit)")
        case .join(_, let position): try hold(position?.seq ?? 0 <= numberMax, "a seq beyond what is exact")
        case .inboxAck(let position): try hold(position.seq <= numberMax, "a seq beyond what is exact")
        case .ping(let t):
            guard let t else { return }
            try holdInside(t, of: bytes)
            try hold(ReferenceJSON.read(Array(t))?.isJSON == true, "a t that is no JSON")
        case .token(let token): try hold(token.withBytes(UTF8Validator.isValid), "a token that is no UTF-8")
        case .signal(let fields):
            let quoted = [UInt8(ascii: "\"")] + Array(fields.name) + [UInt8(ascii: "\"")]
            try hold(ReferenceJSON.read(quoted)?.isJSON == true, "a name that does not fit between quotes")
            if let data = fields.data { try checkPassedOn(data, in: bytes) }
            let body = SignalBody(fields)
            try hold(SignalBody(body.json) == body, "a signal that another node can't read")
        case .typing, .users, .leave: break
        }
    }

    private static func checkPassedOn(_ value: UnsafeRawBufferPointer, in bytes: UnsafeRawBufferPointer) throws {
        try holdInside(value, of: bytes)
        if let value = ReferenceJSON.read(Array(value)) { try hold(value.isJSON, "content that is no JSON") }
    }

    /// Content is passed on byte for byte: it must be JSON by itself.
    private static func check(_ fields: MessageFields, in bytes: UnsafeRawBufferPointer) throws {
        try checkPassedOn(fields.content, in: bytes)
        guard let type = fields.messageType else { return }
        try holdInside(type, of: bytes)
        let quoted = [UInt8(ascii: "\"")] + Array(type) + [UInt8(ascii: "\"")]
        try hold(ReferenceJSON.read(quoted)?.isJSON == true, "a type that does not fit between quotes")
    }

    /// Any text comes back from what the writer makes of it.
    private static func checkWriter(_ text: String) throws {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("content")
        writer.string(text)
        writer.endObject()
        let written = writer.array
        let read = try written.withUnsafeBytes { try FieldTable(scanning: $0).string(.content)?.text }
        try hold(read.map { Array($0.utf8) == Array(text.utf8) } == true, "a text, written and read")
    }
}
