import NetworkIO
import Testing
import WireProtocol

@testable import Toolkit

@Suite("A tool's connection to a server of HTTP")
struct HTTPConnectionTests {
    private static func answer(_ status: Int, _ body: String) -> String {
        "HTTP/1.1 \(status) X\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    /// A connection's words about so many questions that are asked at once: "200 body", and "over" at its end.
    private func ask(_ count: Int, answers: [String], isClosing: Bool) throws -> [String] {
        let stage = try Stage()
        defer { stage.close() }
        let server = try ToolServer(stage, answers: answers, isClosing: isClosing)
        var said: [String] = []
        let connection = try HTTPConnection(to: server.address, loop: stage.loop) { answer in
            said.append(answer.map { "\($0.status) \(String(decoding: $0.body, as: UTF8.self))" } ?? "over")
        }
        for _ in 0..<count {
            connection.ask(HTTPClientRequest.bytes(.get, host: "node", target: "/", closes: false))
        }
        try stage.wait("the answers", seconds: 20) { isClosing ? said.last == "over" : said.count == count }
        #expect(isClosing || connection.underWay == 0)
        connection.close()
        server.close()
        stage.sendNow()
        #expect(said.last == "over")
        return said
    }

    @Test("Several requests under way get their answers in order")
    func pipeline() throws {
        let answers = [Self.answer(200, "one"), "HTTP/1.1 204 No Content\r\n\r\n", Self.answer(404, "three")]
        #expect(try ask(3, answers: answers, isClosing: false) == ["200 one", "204 ", "404 three", "over"])
        // All in one piece.
        #expect(try ask(3, answers: [answers.joined()], isClosing: false) == ["200 one", "204 ", "404 three", "over"])
    }

    @Test("A body without a length ends with the connection")
    func untilClose() throws {
        #expect(try ask(1, answers: ["HTTP/1.1 200 OK\r\n\r\nall"], isClosing: true) == ["200 all", "over"])
    }

    @Test("What ends before its body, and what is no HTTP, is no answer")
    func broken() throws {
        #expect(try ask(1, answers: ["HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nall"], isClosing: true) == ["over"])
        #expect(try ask(1, answers: ["SSH-2.0-OpenSSH\r\n"], isClosing: true) == ["over"])
    }

    @Test("A body of the bound's length is taken, one byte more ends the connection")
    func bodyBound() throws {
        let most = String(repeating: "x", count: 1 << 20)
        #expect(try ask(1, answers: [Self.answer(200, most)], isClosing: true) == ["200 " + most, "over"])
        #expect(try ask(1, answers: ["HTTP/1.1 200 OK\r\n\r\n" + most + "x"], isClosing: true) == ["over"])
    }

    @Test("A stage asks one question; nobody there, and silence, are no answer")
    func stage() throws {
        let stage = try Stage()
        defer { stage.close() }
        let request = HTTPClientRequest.bytes(.get, host: "node", target: "/x", closes: true)
        let server = try ToolServer(stage, answers: [Self.answer(200, "yes")])
        #expect(try stage.ask(request, of: server.address) == HTTPAnswer(status: 200, body: Array("yes".utf8)))
        #expect(server.requests == "GET /x HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
        // It has no more answers.
        #expect(try stage.ask(request, of: server.address) == nil)
        server.close()
        stage.sendNow()
        #expect(try stage.ask(request, of: server.address) == nil)
    }
}
