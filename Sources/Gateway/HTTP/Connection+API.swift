import Foundations
import NetworkIO
import Rooms
import WireProtocol

// What the handlers of the HTTP API share.
extension Connection {
    /// Has a home answer the current request.
    func answer(at home: Int, _ work: @escaping @Sendable (Worker) -> HTTPResponse) {
        let (key, origin) = (key, worker.index)
        worker.post(to: home) { home in
            let response = work(home)
            home.post(to: origin) { $0.answer(response, to: key) }
        }
    }

    /// Has a home answer the current request when it can.
    func answerLater(
        at home: Int, _ work: @escaping @Sendable (Worker, _ completion: @escaping (HTTPResponse) -> Void) -> Void
    ) {
        let (key, origin) = (key, worker.index)
        worker.post(to: home) { home in
            work(home) { [weak home] response in home?.post(to: origin) { $0.answer(response, to: key) } }
        }
    }

    /// Runs a handler whose errors are answers.
    func answering(_ work: () throws(APIFault) -> Void) {
        do throws(APIFault) {
            try work()
        } catch {
            answer(.error(error.status, error.code, error.message))
        }
    }
}

extension Worker {
    /// Answers the current request of a connection, if that is still there.
    func answer(_ response: HTTPResponse, to key: UInt64) {
        (loop.socket(key) as? Connection)?.answer(response)
    }
}

/// An error that a request gets as its answer.
struct APIFault: Error {
    let status: Int
    let code: String
    let message: String

    static func bad(_ message: String) -> APIFault { APIFault(status: 400, code: "bad_request", message: message) }
    static func noSuchRoom(_ id: Identifier) -> HTTPResponse {
        .error(404, "no_such_room", "there is no room \(id.text)")
    }
}

extension HTTPCall {
    /// An identifier in the path.
    func identifier(_ name: String, _ text: String) throws(APIFault) -> Identifier {
        do {
            return try Identifier(named: name, text)
        } catch {
            throw .bad(error.message)
        }
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

    /// `cursor`: what a former answer gave as `next_cursor`, the identifier that it ended with.
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

    /// The members of a JSON body.
    /// - Parameter body: the memory that the table's slices lie in.
    func fields(_ body: UnsafeRawBufferPointer) throws(APIFault) -> FieldTable {
        guard request.mediaType == "application/json" else {
            throw APIFault(
                status: 415, code: "unsupported_media_type", message: "the body must be application/json")
        }
        guard UTF8Validator.isValid(body) else { throw .bad("the body is not valid UTF-8") }
        do {
            return try FieldTable(scanning: body)
        } catch {
            throw error.apiFault
        }
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
    fileprivate var apiFault: APIFault {
        switch self {
        case .badField(let message): .bad(message)
        case .badJSON(.syntax(let offset)):
            .bad("the body must be one JSON object; unexpected byte or end at offset \(offset)")
        case .badJSON: .bad("the body must be one JSON object")
        }
    }
}
