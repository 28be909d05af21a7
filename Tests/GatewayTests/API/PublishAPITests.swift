import Core
import Overload
import Testing
import WireProtocol

@testable import Gateway

@Suite("Many messages in one request")
struct PublishAPITests {
    private static let json = "Content-Type: application/json"

    @Test(
        "A request that is none is refused as a whole",
        arguments: [
            RefusedRequest("POST", "/api/publish", "", type: "text/plain", status: 415, says: "application/json"),
            RefusedRequest("POST", "/api/publish", "", says: "one JSON object"),
            RefusedRequest("POST", "/api/publish", "[]", says: "one JSON object"),
            RefusedRequest("POST", "/api/publish", "{\"messages\":[{}", says: "unexpected byte or end at offset"),
            RefusedRequest("POST", "/api/publish", "{\"messages\":[{}]}x", says: "unexpected byte or end at offset"),
            RefusedRequest("POST", "/api/publish", "{}", says: "messages must be one array of 1 to 1000 messages"),
            RefusedRequest("POST", "/api/publish", "{\"messages\":{}}", says: "messages must be one array"),
            RefusedRequest("POST", "/api/publish", "{\"messages\":[]}", says: "messages must be one array"),
            RefusedRequest(
                "POST", "/api/publish", "{\"messages\":[{}],\"messages\":[{}]}", says: "messages must be one array"),
            RefusedRequest(
                "POST", "/api/publish",
                "{\"messages\":[\(Array(repeating: "{}", count: 1001).joined(separator: ","))]}",
                says: "messages must be one array"),
        ])
    func refused(request: RefusedRequest) throws {
        let services = try FakeServices()
        try request.check(services)
        #expect(services.publications.isEmpty)
    }

    private func parts(
        _ services: FakeServices, _ messages: String, from peer: String = "127.0.0.1"
    ) throws -> [PublicationBatches.Part] {
        let body = "{\"messages\":[\(messages)]}"
        let reply = try services.route("POST", "/api/publish", Self.json, body: body, from: peer)
        guard case .later(_, let work) = reply else { throw FakeCall.Fault.otherReply("\(reply)") }
        work(Responder(worker: 0, socketKey: 1, request: 1))
        return try #require(services.publications.last)
    }

    private func statuses(_ parts: [PublicationBatches.Part]) -> [Int?] {
        parts.map { if case .refused(let response) = $0 { response.status } else { nil } }
    }

    @Test("A bad message has its own error, and the others go on")
    func each() throws {
        let services = try FakeServices(["MAX_MESSAGE_BYTES": "200"])
        let long = String(repeating: "c", count: 200)
        let deep = String(repeating: "[", count: 63) + String(repeating: "]", count: 63)
        let parts = try parts(
            services,
            """
            {"room":"r","user":"u","content":1}, {"to":"a","from":"u","content":1,"device_type":"t"}, 7,
            {"user":"u","content":1}, {"room":"r","to":"a","user":"u","from":"u","content":1},
            {"room":"r","from":"u","content":1}, {"to":"a","user":"u","content":1}, {"room":"a/b","user":"u","content":1},
            {"room":"r","user":"u"}, {"room":"r","user":"u","content":"\(long)"}, {"room":"r","user":"u","content":"\\ud800"},
            {"room":"r","user":"u","content":\(deep)}
            """)
        #expect(statuses(parts) == [nil, nil, 400, 400, 400, 400, 400, 400, 400, 413, 400, nil])
        for case .message(let send) in parts { send(Responder(worker: 0, socketKey: 1, request: 1, part: 1)) }
        let (room, user) = (Identifier(unchecked: "r"), Identifier(unchecked: "a"))
        #expect(services.posts == [room, user, room].map(services.context.home))
    }

    @Test("Each message counts as a request of its address, for who shows no key")
    func rates() throws {
        let settings = ["HTTP_REQUESTS_PER_SECOND": "2", "API_KEY": "0123456789abcdef"]
        let services = try FakeServices(settings)
        let messages = Array(repeating: #"{"room":"r","user":"u","content":1}"#, count: 6).joined(separator: ",")
        let body = "{\"messages\":[\(messages)]}"
        let reply = try services.route(
            "POST", "/api/publish", Self.json, "X-API-Key: 0123456789abcdef", body: body)
        guard case .later(_, let work) = reply else { throw FakeCall.Fault.otherReply("\(reply)") }
        work(Responder(worker: 0, socketKey: 1, request: 1))
        #expect(statuses(services.publications[0]) == Array(repeating: nil, count: 6))
        let open = try FakeServices(["HTTP_REQUESTS_PER_SECOND": "2"])
        let found = try parts(open, messages, from: "192.0.2.1")
        #expect(statuses(found) == [nil, nil, nil, nil, 429, 429])
    }

    @Test("What the load does not take is refused by its kind, directs after messages")
    func shed() throws {
        let services = try FakeServices()
        services.load.controller.admission.begin()
        _ = services.load.controller.admission.admits(.messages)
        services.load.controller.admission.lower(by: 0.25)
        let message = #"{"room":"r","user":"u","content":1}"#
        let direct = #"{"to":"a","from":"u","content":1}"#
        let all = Array(repeating: message, count: 40) + Array(repeating: direct, count: 40)
        let found = statuses(try parts(services, all.joined(separator: ",")))
        #expect(found.prefix(40).count { $0 == 503 } == 30 && found.suffix(40).allSatisfy { $0 == nil })
        #expect(services.counters.shedCount(.messages) == 30 && services.counters.shedCount(.directs) == 0)
    }

    @Test("At heavy it is answered, as other publishing is")
    func heavy() throws {
        let services = try FakeServices()
        services.adopt(.heavy)
        #expect(statuses(try parts(services, #"{"room":"r","user":"u","content":1}"#)) == [nil])
    }
}

@Suite("The parts of requests that publish many messages")
struct PublicationBatchesTests {
    /// Keeps the answers to requests.
    private final class Answers: WorkerMessageReceiver {
        var responses: [HTTPResponse] = []
        func received(_ message: WorkerMessage) {
            if case .answer(let response, _) = message { responses.append(response) }
        }
    }

    private let request = Responder(worker: 0, socketKey: 1, request: 1)

    @Test("Results stand in the order of the messages, in whatever order their answers come")
    func order() throws {
        let core = try WorkerCore(index: 0, context: try FakeNode.context(["WORKERS": "1"]))
        let answers = Answers()
        core.receiver = answers
        let batches = PublicationBatches(core)
        var sent: [Responder] = []
        let part = PublicationBatches.Part.message { sent.append($0) }
        batches.begin([part, .refused(.rateLimited("no", retryMilliseconds: 1500)), part], for: request)
        #expect(sent.map(\.part) == [0, 2] && answers.responses.isEmpty)
        for place in [1, 0] {
            batches.received(.json(201 - place, Array("{\"seq\":\(place)}".utf8)), for: sent[place])
            // Twice is once.
            batches.received(.json(500, []), for: sent[place])
        }
        let rest = #"{"status":429,"error":{"code":"rate_limited","message":"no"},"retry_ms":2000}"#
        #expect(
            answers.responses.map(\.text) == [
                #"{"results":[{"status":201,"ack":{"seq":0}},\#(rest),{"status":200,"ack":{"seq":1}}]}"#
            ])
        #expect(batches.count == 0)
        batches.received(.json(201, []), for: sent[0])
        #expect(answers.responses.count == 1)
    }

    @Test("A bounded number is under way; answers that come at once are no recursion")
    func window() throws {
        let core = try WorkerCore(index: 0, context: try FakeNode.context(["WORKERS": "1"]))
        let answers = Answers()
        core.receiver = answers
        let batches = PublicationBatches(core)
        var sent: [Responder] = []
        let most = PublicationBatches.underWayMax
        batches.begin(Array(repeating: .message { sent.append($0) }, count: most + 1), for: request)
        #expect(sent.count == most)
        batches.received(.json(201, Array("{}".utf8)), for: sent[5])
        #expect(sent.count == most + 1 && answers.responses.isEmpty)
        for responder in sent { batches.received(.json(201, Array("{}".utf8)), for: responder) }
        #expect(answers.responses.count == 1)
        let atOnce = PublicationBatches.Part.message { batches.received(.json(201, Array("{}".utf8)), for: $0) }
        batches.begin(Array(repeating: atOnce, count: 1_000), for: request)
        #expect(answers.responses.count == 2 && batches.count == 0)
    }
}
