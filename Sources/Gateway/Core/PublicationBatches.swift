import WireProtocol

/// The requests of a worker that publish many messages. Their messages go to their homes in order, a bounded number of
/// them at a time, and the answers are put together again.
///
/// Thread: the worker's.
final class PublicationBatches {
    /// Messages of a request that have no answer at a time: so many wait in mailboxes of other workers. Those to one
    /// room keep their order, as they travel in one mailbox.
    static let underWayMax = 100

    /// One message of a request.
    enum Part {
        /// It is none, or may not be published now.
        case refused(HTTPResponse)
        /// Sends it to its home, which answers the responder once.
        case message((Responder) -> Void)
    }

    private final class Batch {
        let responder: Responder
        let parts: [Part]
        var results: [HTTPResponse?]
        /// The first part that was not sent.
        var next = 0
        var underWay = 0
        /// Its parts are being sent: an answer that comes in the same call sends no more of them.
        var isSending = false

        init(_ parts: [Part], _ responder: Responder) {
            self.parts = parts
            self.responder = responder
            results = Array(repeating: nil, count: parts.count)
        }
    }

    private let core: WorkerCore
    /// By the request's own responder. Each ends: every message that was sent is answered.
    private var batches: [Responder: Batch] = [:]

    init(_ core: WorkerCore) { self.core = core }

    /// Requests that have no answer yet.
    var count: Int { batches.count }

    /// Publishes the messages of a request, and answers it when each has its result.
    func begin(_ parts: [Part], for responder: Responder) {
        let batch = Batch(parts, responder)
        batches[responder] = batch
        go(on: batch)
    }

    /// A home has answered.
    func received(_ response: HTTPResponse, for responder: Responder) {
        var request = responder
        request.part = nil
        guard let part = responder.part, let batch = batches[request], batch.results[part] == nil else { return }
        batch.results[part] = response
        batch.underWay -= 1
        go(on: batch)
    }

    private func go(on batch: Batch) {
        guard !batch.isSending else { return }
        batch.isSending = true
        while batch.next < batch.parts.count, batch.underWay < Self.underWayMax {
            let part = batch.next
            batch.next += 1
            switch batch.parts[part] {
            case .refused(let response): batch.results[part] = response
            case .message(let send):
                batch.underWay += 1
                var responder = batch.responder
                responder.part = part
                send(responder)
            }
        }
        batch.isSending = false
        guard batch.next == batch.parts.count, batch.underWay == 0 else { return }
        batches[batch.responder] = nil
        batch.responder.answer(Self.answer(batch.results.compactMap { $0 }), by: core)
    }

    /// The answer to the request: of each message the status with the ack, or with the error.
    static func answer(_ results: [HTTPResponse]) -> HTTPResponse {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("results")
        writer.beginArray()
        for result in results {
            writer.beginObject()
            writer.member("status", result.status)
            if result.status < 400 {
                writer.name("ack")
                result.body.withUnsafeBytes { writer.raw($0) }
            } else {
                writer.error(of: result)
            }
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return .json(200, writer.array)
    }
}

extension JSONWriter {
    /// Writes the member `error` of an answer that is one, and when to come again.
    fileprivate mutating func error(of response: HTTPResponse) {
        response.body.withUnsafeBytes { body in
            guard let error = try? JSONDocument.members(of: body).first(where: { $0.name == "error" }) else { return }
            name("error")
            raw(error.value.raw)
        }
        let retry = response.headers.first { $0.0 == "Retry-After" }.flatMap { Int($0.1) }
        if let retry { member("retry_ms", retry * 1000) }
    }
}
