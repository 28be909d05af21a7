import ClusterState
import Core
import WireProtocol

/// The body of `POST /api/links`.
enum LinkBody {
    /// The link that the body describes.
    /// - Parameter madeID: taken when the body has no id.
    static func definition(_ call: HTTPCall, madeID: String) throws(APIFault) -> LinkDefinition {
        guard call.request.mediaType == "application/json" else {
            throw APIFault(
                status: 415, code: "unsupported_media_type", message: "the body must be application/json")
        }
        return try call.request.body.withUnsafeBufferPointer { body throws(APIFault) in
            try read(UnsafeRawBufferPointer(body), madeID: madeID)
        }
    }

    private static func read(
        _ body: UnsafeRawBufferPointer, madeID: String
    ) throws(APIFault) -> LinkDefinition {
        guard let members = try? JSONDocument.members(of: body) else { throw .bad("the body must be one JSON object") }
        var values: [String: JSONValue] = [:]
        for member in members {
            guard values.updateValue(member.value, forKey: member.name) == nil else {
                throw .bad("\"\(member.name)\" stands more than once")
            }
        }
        let fields = LinkFields(values)
        let id = try fields.identifier("id") ?? Identifier(unchecked: madeID)
        guard id.text.utf8.count <= LinkLimits.idBytesMax else {
            throw .bad("id must have at most \(LinkLimits.idBytesMax) bytes")
        }
        guard let url = try fields.text("url", bytesMax: LinkLimits.urlBytesMax) else { throw .bad("url is missing") }
        let name = try fields.text("name", bytesMax: LinkLimits.nameBytesMax) ?? id.text
        var definition = LinkDefinition(id: id, name: name, url: url, room: try fields.identifier("room"))
        definition.isEnabled = try fields.bool("enabled") ?? true
        definition.heartbeatSeconds =
            try fields.number("heartbeat_seconds", in: LinkLimits.heartbeatSeconds) ?? definition.heartbeatSeconds
        definition.cooldownSeconds = try fields.number("cooldown_seconds", in: LinkLimits.cooldownSeconds)
        definition.subprotocol = try fields.token("subprotocol")
        definition.replays = try fields.bool("replay") ?? false
        definition.partition = try fields.choice("partition") ?? definition.partition
        definition.headers = try fields.headers()
        return definition
    }
}

/// The members of a link's body, each with its own check. No value is shown in a fault.
private struct LinkFields {
    private let values: [String: JSONValue]

    init(_ values: [String: JSONValue]) {
        // Null is as good as nothing.
        self.values = values.filter { $0.value.kind != .null }
    }

    /// Visible text without control characters.
    func text(_ name: String, bytesMax: Int) throws(APIFault) -> String? {
        guard let value = values[name] else { return nil }
        guard value.kind == .string, let text = value.text, (1...bytesMax).contains(text.utf8.count),
            !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else { throw .bad("\(name) must be a string of 1 to \(bytesMax) bytes without control characters") }
        return text
    }

    func identifier(_ name: String) throws(APIFault) -> Identifier? {
        guard let value = values[name] else { return nil }
        guard value.kind == .string, let id = value.text.flatMap(Identifier.init(validating:)) else {
            throw .bad("\(name): \(Identifier.rule)")
        }
        return id
    }

    func bool(_ name: String) throws(APIFault) -> Bool? {
        guard let value = values[name] else { return nil }
        switch String(decoding: value.raw, as: UTF8.self) {
        case "true": return true
        case "false": return false
        default: throw .bad("\(name) must be true or false")
        }
    }

    func choice<Choice: RawRepresentable<String> & CaseIterable>(_ name: String) throws(APIFault) -> Choice? {
        guard let value = values[name] else { return nil }
        guard value.kind == .string, let choice = value.text.flatMap(Choice.init(rawValue:)) else {
            throw .bad("\(name) must be one of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return choice
    }

    func number(_ name: String, in range: ClosedRange<Int>) throws(APIFault) -> Int? {
        guard let value = values[name] else { return nil }
        guard value.kind == .number, let number = Int(String(decoding: value.raw, as: UTF8.self)),
            range.contains(number)
        else { throw .bad("\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound)") }
        return number
    }

    /// A token of HTTP (RFC 9110 §5.6.2).
    func token(_ name: String) throws(APIFault) -> String? {
        guard let text = try text(name, bytesMax: LinkLimits.nameBytesMax) else { return nil }
        guard text.utf8.allSatisfy(HTTPByte.isToken) else { throw .bad("\(name) must be a token of HTTP") }
        return text
    }

    /// Headers that the handshake itself has are refused.
    func headers() throws(APIFault) -> [LinkDefinition.Header] {
        guard let value = values["headers"] else { return [] }
        guard value.kind == .object, let members = try? JSONDocument.members(of: value.raw),
            members.count <= LinkLimits.headersMax, value.raw.count <= LinkLimits.headerBytesMax
        else {
            throw .bad(
                "headers must be an object of at most \(LinkLimits.headersMax) strings and "
                    + "\(LinkLimits.headerBytesMax) bytes")
        }
        var headers: [LinkDefinition.Header] = []
        for member in members {
            guard !member.name.isEmpty, member.name.utf8.allSatisfy(HTTPByte.isToken), !isOfHandshake(member.name),
                member.value.kind == .string, let text = member.value.text,
                text.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
            else { throw .bad("headers: a name or value there is not allowed") }
            headers.append(LinkDefinition.Header(name: member.name, value: text))
        }
        return headers
    }

    private func isOfHandshake(_ name: String) -> Bool {
        let name = name.lowercased()
        let others = [
            "host", "connection", "upgrade", "content-length", "transfer-encoding", "expect", "te", "trailer",
        ]
        return others.contains(name) || name.hasPrefix("sec-websocket-")
    }
}
