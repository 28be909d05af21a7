import Core
import Overload
import WireProtocol

/// `/api/publish`
struct PublishAPI {
    /// Messages of one request.
    static let messagesMax = 1_000

    let services: any APIServices

    /// `POST /api/publish`: each message has a result of its own, as if it had come by itself.
    func publish(_ call: HTTPCall) throws(APIFault) -> Reply {
        guard call.request.mediaType == "application/json" else {
            throw APIFault(
                status: 415, code: "unsupported_media_type", message: "the body must be application/json")
        }
        let parts: [PublicationBatches.Part] = try call.request.body.withUnsafeBufferPointer { body throws(APIFault) in
            try messages(of: UnsafeRawBufferPointer(body), call)
        }
        return .later { [services] in services.publish(parts, for: $0) }
    }

    private func messages(
        of body: UnsafeRawBufferPointer, _ call: HTTPCall
    ) throws(APIFault) -> [PublicationBatches.Part] {
        let found: [JSONValue]?
        do throws(JSONFault) {
            found = try JSONDocument.elements(of: "messages", in: body)
        } catch {
            switch error {
            case .syntax(let offset):
                throw .bad("the body must be one JSON object; unexpected byte or end at offset \(offset)")
            case .tooDeep, .loneSurrogate:
                throw .bad("a message may be nested at most \(JSONScanner.depthMax) deep")
            }
        }
        guard let found, (1...Self.messagesMax).contains(found.count) else {
            throw .bad("messages must be one array of 1 to \(Self.messagesMax) messages")
        }
        var parts: [PublicationBatches.Part] = []
        for (place, element) in found.enumerated() {
            do throws(Refusal) {
                parts.append(.message(try message(element, call, isFirst: place == 0)))
            } catch {
                parts.append(.refused(error.response))
            }
        }
        return parts
    }

    private struct Refusal: Error { let response: HTTPResponse }

    private func message(
        _ element: JSONValue, _ call: HTTPCall, isFirst: Bool
    ) throws(Refusal) -> (Responder) -> Void {
        let message: Addressed
        do throws(APIFault) {
            message = try Addressed(element, byteCountMax: services.configuration.messageBytesMax)
        } catch {
            throw Refusal(response: error.response)
        }
        // The request itself has taken a token for the first one.
        let addresses = services.context.budgets.addresses
        if !isFirst, !call.showsKey, let retry = addresses.refusesRequest(of: call.client, at: services.now) {
            throw Refusal(response: .rateLimited(AddressLimits.requestsText, retryMilliseconds: retry))
        }
        let priority = message.priority
        if !services.load.controller.admission.admits(priority) {
            throw Refusal(response: Router(services: services).shed(priority))
        }
        let (services, maker) = (services, call.maker)
        switch message {
        case .room(let room, let body):
            return { responder in
                let question = RoomQuestion.publish(body.fields, user: body.author, maker: maker)
                services.send(.room(room, .asked(question, responder)), to: services.context.home(of: room))
            }
        case .user(let user, let body):
            return { responder in
                let direct = Direct(
                    from: body.author, to: user, sender: nil, deviceType: body.deviceType, fields: body.fields,
                    maker: maker)
                services.send(.user(user, .asked(.publish(direct), responder)), to: services.context.home(of: user))
            }
        }
    }

    /// A message and where it goes.
    private enum Addressed {
        case room(Identifier, PublishingBody)
        case user(Identifier, PublishingBody)

        init(_ element: JSONValue, byteCountMax: Int) throws(APIFault) {
            guard element.kind == .object else { throw .bad("a message must be an object") }
            guard element.raw.count <= byteCountMax else { throw .tooLarge(byteCountMax) }
            let table: FieldTable
            do throws(FieldFault) {
                table = try FieldTable(scanning: element.raw)
            } catch {
                throw error.apiFault
            }
            self = try Self.read(table)
        }

        private static func read(_ table: borrowing FieldTable) throws(APIFault) -> Addressed {
            let (room, to) = try asAPIFault { () throws(FieldFault) in
                (try table.identifier(.room), try table.identifier(.to))
            }
            switch (room, to) {
            case (let room?, nil): return .room(room, try PublishingBody(table, author: .user))
            case (nil, let to?): return .user(to, try PublishingBody(table, author: .from))
            default: throw .bad("a message must have either \"room\" or \"to\"")
            }
        }

        var priority: Admission.Priority {
            switch self {
            case .room: .messages
            case .user: .directs
            }
        }
    }
}
