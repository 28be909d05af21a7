import CLibuv
import Testing
import WireProtocol

@testable import NetworkIO

@Suite("A request to another server")
struct HTTPClientTests {
    /// The outcome of a request to a server that answers so, in words.
    private func ask(_ answer: WebSocketServer.Answer, timeout: Int = 60_000, closes: Bool = false) throws -> String {
        let driver = try LoopDriver()
        let server = try WebSocketServer(driver, answer: answer)
        let said = try ask(driver, port: server.port, timeout: timeout) {
            if closes, let end = server.ends.first, end.requests == 1 { end.close() }
        }
        server.close()
        driver.settle()
        return said
    }

    private func ask(_ driver: LoopDriver, port: UInt16, timeout: Int, work: @escaping () -> Void) throws -> String {
        var said: [String] = []
        let request = HTTPClientRequest.bytes(
            .post, host: "127.0.0.1", target: "/", headers: [("Content-Type", "application/json")],
            body: Array("{}".utf8), closes: true)
        let client = try HTTPClient(
            to: try SocketAddress(numericHost: "127.0.0.1", port: port), request: request, timeoutMilliseconds: timeout,
            loop: driver.loop
        ) { end in
            switch end {
            case .answered(let head): said.append("\(head.status) \(head.header("retry-after") ?? "")")
            case .unreachable(let why): said.append("unreachable: \(why)")
            case .broken(let why): said.append("broken: \(why)")
            case .timedOut: said.append("timed out")
            }
        }
        driver.work = work
        driver.run(until: { !said.isEmpty })
        #expect(!client.isOpen)
        driver.settle()
        return said.joined(separator: ",")
    }

    @Test("the answer is given once, when the connection is over")
    func answered() throws {
        for text in [
            "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno",
            // A body without an end is not waited for.
            "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\nno",
        ] { #expect(try ask(.text(text)) == "503 7") }
    }

    @Test("what is no answer is said to be none")
    func broken() throws {
        #expect(try ask(.text("SSH-2.0-OpenSSH_9.2\r\n")).hasPrefix("broken: "))
        #expect(try ask(.silence, closes: true) == "broken: the server closed the connection without an answer")
        #expect(try ask(.silence, timeout: 300) == "timed out")
        #expect(try ask(.text("HTTP/1.1 200 OK\r\n"), timeout: 300) == "timed out")
    }

    @Test("nobody there, and a request that was given up")
    func unreachable() throws {
        let driver = try LoopDriver()
        // A port that was bound a moment ago and is free again.
        let listener = try ListeningSocket.bind(host: "127.0.0.1", port: 0, count: 1)[0]
        close(listener.descriptor)
        #expect(
            try ask(driver, port: listener.port, timeout: 60_000) {} == "unreachable: connect: Connection refused")
        let server = try WebSocketServer(driver, answer: .silence)
        let client = try HTTPClient(
            to: try SocketAddress(numericHost: "127.0.0.1", port: server.port), request: [], timeoutMilliseconds: 300,
            loop: driver.loop
        ) { _ in Issue.record("called after it was given up") }
        client.cancel()
        server.close()
        driver.settle()
        #expect(driver.loop.sockets.count == 0)
    }
}
