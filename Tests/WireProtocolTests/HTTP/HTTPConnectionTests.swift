import Testing

@testable import WireProtocol

@Suite("RFC 9112 §9 connection, and RFC 9110 §10.1.1 Expect")
struct HTTPConnectionTests {
    @Test(
        "§9.3 persistence",
        arguments: [
            ("1.1", "", true), ("1.1", "Connection: close\r\n", false),
            ("1.1", "Connection: Upgrade, Close\r\n", false), ("1.1", "Connection: keep-alive\r\n", true),
            ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false), ("1.1", "Connection: closed\r\n", true),
            ("1.1", "Connection: x-close\r\n", true),
            ("1.0", "", false), ("1.0", "Connection: Keep-Alive\r\n", true),
            ("1.0", "Connection: keep-alive, close\r\n", false), ("1.0", "Connection: upgrade\r\n", false),
        ])
    func persistence(version: String, lines: String, keeps: Bool) {
        #expect(HTTPFeeding.request("GET / HTTP/\(version)\r\nHost: a\r\n\(lines)\r\n")?.keepsAlive == keeps)
    }

    @Test("§9.3.2 pipelined requests come one by one, the rest untouched")
    func pipelining() {
        let texts = [
            "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n", "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
            "GET /3?x=%20 HTTP/1.0\r\n\r\n",
            "\r\nHEAD /4 HTTP/1.1\r\nHost: b\r\n\r\n",
            "PUT /5 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nz\r\n0\r\n\r\n",
        ]
        let outcomes = HTTPFeeding.outcomes(Array(texts.joined().utf8))
        let expected = texts.compactMap { HTTPFeeding.request($0) }.map(HTTPOutcome.request)
        #expect(expected.count == texts.count)
        #expect(outcomes == expected + [.incomplete(isMidRequest: false)])

        let bytes = Array(texts.joined().utf8)
        var parser = HTTPRequestParser(limits: HTTPLimits())
        var position = 0
        for text in texts {
            let end = position + text.utf8.count
            var event = HTTPRequestParser.Event.incomplete
            repeat {
                let consumed: Int
                (consumed, event) = bytes.withUnsafeBytes {
                    parser.consume(UnsafeRawBufferPointer(rebasing: $0[position...]))
                }
                position += consumed
            } while event.isHead
            guard case .request = event else {
                Issue.record("no request: \(event)")
                return
            }
            #expect(position == end)
            #expect(!parser.isMidRequest)
        }
    }

    @Test("a failure after good requests")
    func failureLater() {
        let good = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        let outcomes = HTTPFeeding.outcomes(Array((good + good + "GET / HTTP/1.1\r\n\r\n" + good).utf8))
        #expect(outcomes.count == 3)
        guard case .failed(let failure) = outcomes.last else {
            Issue.record("no failure")
            return
        }
        #expect(failure.status == 400)
    }

    @Test("frames behind an upgrade request stay with the driver")
    func bytesAfterUpgrade() {
        let head = Array("GET /ws/a/b HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n".utf8)
        let frames: [UInt8] = [0x81, 0x80, 1, 2, 3, 4]
        for split in 0...head.count {
            var parser = HTTPRequestParser(limits: HTTPLimits())
            let first = Array(head[..<split]).withUnsafeBytes { parser.consume($0) }
            #expect(first.consumed == split)
            guard split < head.count else {
                guard case .request = first.event else {
                    Issue.record("no request")
                    return
                }
                continue
            }
            let second = (Array(head[split...]) + frames).withUnsafeBytes { parser.consume($0) }
            #expect(second.consumed == head.count - split)
            guard case .request = second.event else {
                Issue.record("no request at \(split)")
                return
            }
        }
    }

    private func events(_ pieces: [String]) -> [String] {
        var parser = HTTPRequestParser(limits: HTTPLimits())
        return pieces.map { piece in
            let bytes = Array(piece.utf8)
            var (consumed, event) = bytes.withUnsafeBytes { parser.consume($0) }
            if case .head(_, expectsContinue: false) = event {
                let (further, next) = bytes[consumed...].withUnsafeBytes { parser.consume($0) }
                (consumed, event) = (consumed + further, next)
            }
            let name =
                switch event {
                case .incomplete: "incomplete"
                case .head: "continue"
                case .skipped: "skipped"
                case .request(let request): "request \(request.body.count)"
                case .failed(let failure): "failed \(failure.status)"
                }
            return consumed == piece.utf8.count ? name : "\(name), \(piece.utf8.count - consumed) left"
        }
    }

    @Test("100-continue is asked for once, when the body is not yet there")
    func expectContinue() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n"
        #expect(events([head + "Content-Length: 2\r\n\r\n", "o", "k"]) == ["continue", "incomplete", "request 2"])
        #expect(events([head + "Content-Length: 2\r\n\r\n", "", "ok"]) == ["continue", "incomplete", "request 2"])
        #expect(events([head + "Content-Length: 2\r\n\r\no", "k"]) == ["incomplete", "request 2"])
        #expect(events([head + "Content-Length: 2\r\n\r\nok"]) == ["request 2"])
        #expect(events([head + "Content-Length: 0\r\n\r\n"]) == ["request 0"])
        #expect(events([head + "\r\n"]) == ["request 0"])
        #expect(
            events([head + "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n0\r\n\r\nG"]) == [
                "continue", "request 1, 1 left",
            ])
        #expect(
            events([head, "Content-Length: 1\r\n\r", "\n", "x"]) == [
                "incomplete", "incomplete", "continue", "request 1",
            ])
    }

    @Test("HTTP/1.0 gets no 100, other expectations are 417")
    func otherExpectations() {
        let old = "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        #expect(events([old, "ok"]) == ["incomplete", "request 2"])
        for value in ["200-ok", "100-continue, x", "", "100-continues"] {
            let failure = HTTPFeeding.failure("GET / HTTP/1.1\r\nHost: a\r\nExpect: \(value)\r\n\r\n")
            #expect(failure?.status == 417)
        }
    }

    @Test("idle, in a head, in a body: what the driver's deadlines ask")
    func progress() {
        var parser = HTTPRequestParser(limits: HTTPLimits())
        func feed(_ text: String) {
            _ = Array(text.utf8).withUnsafeBytes { parser.consume($0) }
        }
        #expect(!parser.isMidRequest && !parser.isReadingBody)
        feed("")
        #expect(!parser.isMidRequest)
        feed("G")
        #expect(parser.isMidRequest && !parser.isReadingBody)
        feed("ET / HTTP/1.1\r\n")
        #expect(parser.isMidRequest && !parser.isReadingBody)
        feed("Host: a\r\nContent-Length: 2\r\n\r\n")
        #expect(parser.isMidRequest && parser.isReadingBody)
        feed("x")
        #expect(parser.isMidRequest && parser.isReadingBody)
        feed("y")
        #expect(!parser.isMidRequest && !parser.isReadingBody)
        feed("\n")
        #expect(!parser.isMidRequest, "a failed parser waits for nothing")
    }
}

extension HTTPRequestParser.Event {
    fileprivate var isHead: Bool { if case .head = self { true } else { false } }
}
