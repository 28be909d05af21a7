import Core
import Rooms
import WireProtocol

/// A request on its way to its handler.
struct HTTPCall: Sendable {
    /// Without its body until that has come.
    var request: HTTPRequest
    /// The other end of the connection: the client, or a proxy before it.
    let peer: IPAddress
    /// The client; the router finds it out.
    var client: Client
    /// Whether there is room for its connection.
    var place = SocketPlace.within
    /// Whether its connection has had no request before it.
    var isFirst = false
    /// Whether its address' turn was looked at already, when its connection began to shake hands.
    var hadTurn = false
    /// Whether a configured API key was shown.
    var showsKey = false
    /// The route that the router found, with the values of the parameters in its path, in its order.
    var route: Route?
    var parameters: [String] = []
    /// Headers for a page of another origin.
    var crossOriginHeaders: [(String, String)] = []

    init(_ request: HTTPRequest, peer: IPAddress) {
        self.request = request
        self.peer = peer
        client = Client(address: peer, isKnown: true)
    }

    /// Whether it comes from this machine: by its effective address, and by the host that it asks for. A page whose
    /// name leads here asks for that name, and so does a proxy that hides its clients.
    var isThisMachine: Bool { client.isOwn && request.host.map { HostName($0).isLoopback } ?? false }
}

/// An error that a request gets as its answer.
struct APIFault: Error {
    let status: Int
    let code: String
    let message: String

    static func bad(_ message: String) -> APIFault { APIFault(status: 400, code: "bad_request", message: message) }

    /// A message of more than so many bytes.
    static func tooLarge(_ byteCountMax: Int) -> APIFault {
        APIFault(status: 413, code: "too_large", message: "a message has at most \(byteCountMax) bytes")
    }

    var response: HTTPResponse { .error(status, code, message) }
}

extension HTTPCall {
    /// Whose quota a room or an inbox uses that is made for the request; who shows a key has none.
    var maker: Client? { showsKey ? nil : client }

    /// The identifier at a place among the path's parameters.
    /// - Parameter name: as the path's documentation calls it, for the error.
    func identifier(_ name: String, at place: Int) throws(APIFault) -> Identifier {
        try Identifier(named: name, parameters[place])
    }

    /// A whole number in the query.
    func number(_ name: String, in range: ClosedRange<UInt64>) throws(APIFault) -> UInt64? {
        guard let text = try single(name) else { return nil }
        guard let number = UInt64(text), range.contains(number), text.utf8.allSatisfy({ $0 >= 0x30 }) else {
            throw .bad("\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// `limit`: 1…500, 100 when absent.
    func limit() throws(APIFault) -> Int { Int(try number("limit", in: 1...500) ?? 100) }

    /// `cursor`: the `next_cursor` of a former answer, which is the identifier that it ended with.
    func cursor() throws(APIFault) -> Identifier? {
        guard let text = try single("cursor") else { return nil }
        guard let cursor = Identifier(validating: text) else {
            throw .bad("cursor must be the next_cursor of a former answer")
        }
        return cursor
    }

    private func single(_ name: String) throws(APIFault) -> String? {
        guard request.queryCount(name) < 2 else { throw .bad("\(name) stands more than once") }
        return request.queryValue(name)
    }

    /// Calls `work` with the members of the JSON body; the table's slices lie in the body's memory.
    func withFields<Result>(
        _ work: (borrowing FieldTable) throws(APIFault) -> Result
    ) throws(APIFault) -> Result {
        guard request.mediaType == "application/json" else {
            throw APIFault(
                status: 415, code: "unsupported_media_type", message: "the body must be application/json")
        }
        return try request.body.withUnsafeBufferPointer { buffer throws(APIFault) in
            let body = UnsafeRawBufferPointer(buffer)
            guard UTF8Validator.isValid(body) else { throw .bad("the body is not valid UTF-8") }
            let table: FieldTable
            do throws(FieldFault) {
                table = try FieldTable(scanning: body)
            } catch {
                throw error.apiFault
            }
            return try work(table)
        }
    }
}

extension Identifier {
    /// Checks an identifier that a request names.
    init(named name: String, _ text: String) throws(APIFault) {
        guard let valid = Identifier(validating: text) else { throw .bad("\(name): \(Identifier.rule)") }
        self = valid
    }
}

/// Turns a fault of a body's member into the answer that says so.
func asAPIFault<Value>(_ work: () throws(FieldFault) -> Value) throws(APIFault) -> Value {
    do {
        return try work()
    } catch {
        throw error.apiFault
    }
}

extension FieldFault {
    var apiFault: APIFault {
        switch self {
        case .badField(let message): .bad(message)
        case .badJSON(.syntax(let offset)):
            .bad("the body must be one JSON object; unexpected byte or end at offset \(offset)")
        case .badJSON: .bad("the body must be one JSON object")
        }
    }
}
