import Testing
import WireProtocol

@testable import Gateway

@Suite("The HTTP phase of a connection")
struct HTTPPhaseTests {
    private let get = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
    private let post = "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"

    private func text(_ body: String) -> HTTPResponse { HTTPResponse(status: 200, body: Array(body.utf8)) }

    private let sniff = "X-Content-Type-Options: nosniff\r\n"

    /// The whole answer with this body.
    private func wire(_ body: String, _ headers: String = "") -> String {
        "HTTP/1.1 200 OK\r\n\(sniff)Content-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)"
    }

    private func transport() -> FakeTransport {
        let transport = FakeTransport()
        transport.router = {
            .now(HTTPResponse(status: 200, body: Array("\($0.request.target) \($0.request.body.count)".utf8)))
        }
        return transport
    }

    // MARK: Requests

    @Test("A request gets the same answer wherever its bytes are split")
    func splits() {
        let bytes = Array(post.utf8)
        for split in 0...bytes.count {
            let transport = transport()
            transport.feed(bytes[..<split])
            transport.feed(bytes[split...])
            #expect(transport.takeSent() == wire("/p 5"), "\(split)")
        }
        let transport = transport()
        for place in bytes.indices { transport.feed(bytes[place...place]) }
        #expect(transport.takeSent() == wire("/p 5"))
    }

    @Test("A request of a pipeline is not looked at before the one in front is answered")
    func pipelining() {
        let transport = transport()
        transport.answerLater()
        transport.feed(get + post + get)
        #expect(transport.calls.count == 1 && transport.waiting == Array((post + get).utf8))
        for (number, body) in ["1", "2", "3"].enumerated() {
            #expect(transport.calls.count == number + 1 && transport.takeSent() == "")
            transport.answer(text(body), to: transport.responders[number])
            #expect(transport.takeSent() == wire(body))
        }
        #expect(transport.calls.map(\.request.target) == ["/a", "/p", "/a"] && transport.waiting == nil)
    }

    @Test("So many refusals in a row end the connection, and the last one says so; a served request begins anew")
    func refusedPipeline() {
        let transport = transport()
        let refused = HTTPResponse.rateLimited("slow down", retryMilliseconds: 1000)
        transport.refusal = { $0.request.method == .get ? refused : nil }
        let most = HTTPPhase.refusedMax
        transport.feed(String(repeating: get, count: most - 1) + post)
        #expect(!transport.takeSent().contains("Connection: close") && transport.end == nil)
        transport.feed(String(repeating: get, count: most - 1))
        #expect(!transport.takeSent().contains("Connection: close") && transport.end == nil)
        transport.feed(get)
        #expect(transport.takeSent().contains("Connection: close") && transport.end == .inOrder)
    }

    @Test("A pipeline of requests that are answered at once is answered in its order")
    func pipeliningAtOnce() {
        let transport = transport()
        transport.feed(get + post + get)
        #expect(transport.takeSent() == wire("/a 0") + wire("/p 5") + wire("/a 0"))
    }

    @Test("A body that is expected is asked for once")
    func expectation() {
        let transport = transport()
        transport.feed("POST /p HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        #expect(transport.takeSent() == "HTTP/1.1 100 Continue\r\n\r\n")
        transport.feed("o")
        transport.feed("k")
        #expect(transport.takeSent() == wire("/p 2"))
    }

    @Test("What the head decides is answered before the body comes, and the body is not read")
    func refusedByHead() {
        for size in ["5", "1048576"] {
            let transport = transport()
            transport.refusal = { _ in HTTPResponse(status: 405) }
            let head = "POST /p HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
            transport.feed(head + "Content-Length: \(size)\r\n\r\n")
            let sent = transport.takeSent()
            #expect(sent.hasPrefix("HTTP/1.1 405 ") && sent.contains("Connection: close\r\n"))
            #expect(transport.end == .inOrder && transport.calls.isEmpty)
        }
    }

    @Test("A short body of a refused request is read past, however it is split; a long one ends the connection")
    func refusedBodies() {
        for split in 0...post.utf8.count {
            let transport = transport()
            transport.refusal = { $0.request.target == "/p" ? HTTPResponse(status: 404) : nil }
            let bytes = Array(post.utf8)
            transport.feed(bytes[..<split])
            transport.feed(bytes[split...])
            transport.feed(get)
            let sent = transport.takeSent()
            #expect(sent.hasPrefix("HTTP/1.1 404 ") && sent.hasSuffix(wire("/a 0")) && transport.calls.count == 1)
        }
        for size in [65_536, 65_537] {
            let transport = transport()
            transport.refusal = { _ in HTTPResponse(status: 404) }
            transport.feed("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: \(size)\r\n\r\n")
            #expect((transport.end == nil) == (size == 65_536))
        }
    }

    @Test("A refused request without a body leaves the connection; a connection that is one too many ends")
    func refusedWithoutBody() {
        let transport = transport()
        transport.refusal = { $0.request.target == "/a" ? HTTPResponse(status: 404) : nil }
        transport.feed(get + post)
        #expect(transport.takeSent().hasPrefix("HTTP/1.1 404 ") && transport.end == nil && transport.calls.count == 1)
        transport.place = .nodeFull
        transport.feed(post)
        #expect(transport.takeSent() == wire("/p 5", "Connection: close\r\n") && transport.end == .inOrder)
    }

    // MARK: Later answers

    @Test("An answer that comes later is sent whatever else happened to the connection meanwhile")
    func later() {
        let transport = transport()
        transport.answerLater()
        transport.feed(get)
        transport.wait(until: 200_000)
        transport.feed("GET /b HT")
        #expect(transport.end == nil && transport.takeSent() == "")
        transport.answer(text("1"), to: transport.responders[0])
        #expect(transport.takeSent() == wire("1"))
        transport.feed("TP/1.1\r\nHost: h\r\n\r\n")
        #expect(transport.calls.last?.request.target == "/b")
    }

    @Test("A second answer to a request is dropped: it never answers the connection's next request")
    func late() {
        let transport = transport()
        transport.answerLater()
        transport.feed(get)
        let first = transport.responders[0]
        transport.answer(text("1"), to: first)
        transport.answer(text("1 again"), to: first)
        #expect(transport.takeSent() == wire("1"))
        transport.feed(post)
        transport.answer(text("1 late"), to: first)
        #expect(transport.takeSent() == "")
        transport.answer(text("2"), to: transport.responders[1])
        #expect(transport.takeSent() == wire("2"))
    }

    @Test("An answer that comes later is completed by the router; one that came at once was")
    func completion() {
        let transport = transport()
        transport.router = { _ in
            .later(Reply.Completion(crossOriginHeaders: [("X", "y")], keptTarget: "/t")) {
                transport.answer(HTTPResponse(status: 200), to: $0)
            }
        }
        transport.feed(get)
        #expect(transport.takeSent() == "HTTP/1.1 200 OK\r\nX: y\r\n\(sniff)Content-Length: 0\r\n\r\n")
        #expect(transport.keptTargets == ["/t"])
        transport.router = { _ in .now(HTTPResponse(status: 200)) }
        transport.feed(get)
        #expect(transport.keptTargets == ["/t"])
    }

    // MARK: Forms of answers

    @Test("HEAD gets the length of the body and no body")
    func head() {
        let transport = transport()
        transport.feed("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n" + get)
        #expect(transport.takeSent() == "HTTP/1.1 200 OK\r\n\(sniff)Content-Length: 4\r\n\r\n" + wire("/a 0"))
    }

    @Test("A client of HTTP/1.0 is closed, unless it asked to go on")
    func oldVersion() {
        let transport = transport()
        transport.feed("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        #expect(transport.takeSent() == wire("/a 0", "Connection: keep-alive\r\n") && transport.end == nil)
        transport.feed("GET /a HTTP/1.0\r\n\r\n")
        #expect(transport.takeSent() == wire("/a 0", "Connection: close\r\n") && transport.end == .inOrder)
    }

    @Test("A connection goes on until its client asks for the end; what is pipelined behind that is not answered")
    func closing() {
        let transport = transport()
        transport.feed(get)
        #expect(transport.takeSent() == wire("/a 0") && transport.end == nil)
        transport.feed("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + get)
        #expect(transport.takeSent() == wire("/a 0", "Connection: close\r\n"))
        #expect(transport.end == .inOrder && transport.calls.count == 2)
    }

    @Test("Bytes that are no request are answered with what is wrong, and end the connection")
    func failed() {
        let transport = transport()
        transport.feed("GET /a HTTP/1.1\r\nHost : h\r\n\r\n" + get)
        let sent = transport.takeSent()
        #expect(sent.hasPrefix("HTTP/1.1 400 Bad Request\r\n") && sent.contains("Connection: close\r\n"))
        #expect(transport.end == .inOrder && transport.calls.isEmpty)
    }

    @Test("An upgrade leaves the phase; frames behind it wait for the next one")
    func upgrade() {
        let transport = transport()
        transport.router = { call in
            switch WebSocketHandshake.evaluate(call.request) {
            case .success(let handshake): .echo(handshake)
            case .failure(let refusal): .now(.failure(refusal.failure))
            }
        }
        transport.feed(
            "GET /echo HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\nframes")
        #expect(transport.next == .echo && transport.waiting == Array("frames".utf8) && transport.takeSent() == "")
        let other = self.transport()
        other.router = { .events(EventStreamRequest(lastEventID: nil, isHead: false, client: $0.client)) }
        other.feed(get)
        #expect(other.next == .events)
    }

    // MARK: Time

    @Test("A first head must be complete ten seconds after the connection's start")
    func firstHead() {
        let transport = transport()
        transport.wait(until: 6_000)
        transport.feed("GET")
        transport.wait(until: 9_999)
        #expect(transport.end == nil)
        transport.wait(until: 10_000)
        let sent = transport.takeSent()
        #expect(sent.hasPrefix("HTTP/1.1 408 ") && sent.contains("Connection: close\r\n") && transport.end == .inOrder)
    }

    @Test("A connection without a first byte is closed after ten seconds, without a word")
    func silent() {
        let transport = transport()
        transport.wait(until: 9_999)
        #expect(transport.end == nil)
        transport.wait(until: 10_000)
        #expect(transport.end == .closed && transport.takeSent() == "")
    }

    @Test("A further head has ten seconds from its first byte, however slowly it comes")
    func furtherHead() {
        let transport = transport()
        transport.feed(get)
        transport.wait(until: 50_000)
        _ = transport.takeSent()
        transport.feed("G")
        transport.wait(until: 59_999)
        transport.feed("E")
        #expect(transport.end == nil)
        transport.wait(until: 60_000)
        #expect(transport.takeSent().hasPrefix("HTTP/1.1 408 ") && transport.end == .inOrder)
    }

    @Test("A body has thirty seconds from the end of its head")
    func body() {
        let transport = transport()
        transport.wait(until: 8_000)
        transport.feed(String(post.dropLast(5)))
        transport.wait(until: 37_999)
        transport.feed("hell")
        #expect(transport.end == nil)
        transport.wait(until: 38_000)
        #expect(transport.takeSent().hasPrefix("HTTP/1.1 408 ") && transport.end == .inOrder)
    }

    @Test("A slow body leaves the next request its own time")
    func afterBody() {
        let transport = transport()
        transport.feed(String(post.dropLast(1)))
        transport.wait(until: 29_000)
        transport.feed("o")
        #expect(transport.takeSent() == wire("/p 5"))
        transport.wait(until: 40_000)
        transport.feed(String(post.dropLast(1)))
        transport.wait(until: 69_999)
        #expect(transport.end == nil)
        transport.wait(until: 70_000)
        #expect(transport.end == .inOrder)
    }

    @Test("A connection that waits for its next request is closed after sixty seconds")
    func idle() {
        let transport = transport()
        transport.wait(until: 1_000)
        transport.feed(get)
        _ = transport.takeSent()
        transport.wait(until: 60_999)
        #expect(transport.end == nil)
        transport.wait(until: 61_000)
        #expect(transport.end == .closed && transport.takeSent() == "")
    }

    @Test("A connection whose answers are still being taken is not idle")
    func slowReader() {
        let transport = transport()
        transport.feed(get)
        for left in (1...150).reversed() {
            transport.unacknowledgedBytes = left
            transport.wait(until: transport.now + 2_000)
        }
        #expect(transport.end == nil && transport.now == 300_000)
        transport.unacknowledgedBytes = 0
        transport.wait(until: 303_000)
        #expect(transport.end == .closed)
    }

    @Test("Answers of which the peer takes nothing for thirty seconds end the connection, whatever else it sends")
    func standstill() {
        for keepsSending in [false, true] {
            let transport = transport()
            transport.feed(get)
            (transport.queuedBytes, transport.unacknowledgedBytes) = (7, 9)
            while transport.now < 31_000 {
                transport.wait(until: transport.now + 1_000)
                #expect(transport.end == nil)
                if keepsSending { transport.feed(get + "GET ") }
                if keepsSending { transport.feed("/a HTTP/1.1\r\nHost: h\r\n\r\n") }
            }
            transport.wait(until: 34_000)
            #expect(transport.end == .reset)
        }
    }

    // MARK: Drain

    @Test("A drain ends an idle connection at once")
    func drainIdle() {
        let transport = transport()
        transport.feed(get)
        transport.beginDraining()
        #expect(transport.end == .afterFlush)
    }

    @Test("A drain lets a request be read and answered, and ends the connection with that")
    func drain() {
        let transport = transport()
        transport.feed(String(post.dropLast(1)))
        transport.beginDraining()
        #expect(transport.end == nil)
        transport.feed("o")
        #expect(transport.takeSent() == wire("/p 5", "Connection: close\r\n") && transport.end == .inOrder)

        let other = self.transport()
        other.answerLater()
        other.feed(get)
        other.beginDraining()
        #expect(other.end == nil)
        other.answer(text("1"), to: other.responders[0])
        #expect(other.takeSent() == wire("1", "Connection: close\r\n") && other.end == .inOrder)
    }
}

@Suite("The address of a request")
struct ResponderTests {
    @Test("An answer goes to the worker of the request's connection, from another worker or the control thread")
    func answering() throws {
        let services = try FakeServices(["WORKERS": "3"])
        let responder = Responder(worker: 2, socketKey: 9, request: 4)
        responder.answer(HTTPResponse(status: 204), by: services)
        #expect(services.posts == [2])
        responder.answer(HTTPResponse(status: 204), by: services.context)
        #expect(services.context.mailboxes.map { $0.takeAll().count } == [0, 0, 1])
    }
}
