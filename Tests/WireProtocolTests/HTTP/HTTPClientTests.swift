import Testing
import WireProtocol

@Suite("Requests to other servers, and their answers")
struct HTTPClientTests {
    @Test("A GET without a body has no length, and a connection that is kept is not named")
    func get() {
        let bytes = HTTPClientRequest.bytes(.get, host: "node", target: "/", closes: false)
        #expect(String(decoding: bytes, as: UTF8.self) == "GET / HTTP/1.1\r\nHost: node\r\n\r\n")
    }

    @Test("a POST is one head and its body")
    func post() {
        let bytes = HTTPClientRequest.bytes(
            .post, host: "hooks:81", target: "/a?b=%20", headers: [("X-One", "1\r\nX-Two: 2")],
            body: Array("{}".utf8), closes: true)
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(
            text == "POST /a?b=%20 HTTP/1.1\r\nHost: hooks:81\r\nConnection: close\r\nContent-Length: 2\r\n"
                + "X-One: 1  X-Two: 2\r\n\r\n{}")
    }

    /// Reads a text that arrives in pieces of this length: the status, and how often something was said.
    private func read(_ text: String, pieces length: Int) -> String {
        var (reader, said) = (HTTPAnswerReader(), [String]())
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: length) {
            switch bytes[start..<min(start + length, bytes.count)].withUnsafeBytes({ reader.consume($0) }) {
            case .incomplete: break
            case .head(let head, let isWhole): said.append("\(head.status)\(isWhole ? " whole" : "")")
            case .ended: said.append("ended")
            case .failed: said.append("failed")
            }
        }
        return said.joined(separator: ",")
    }

    @Test("The head is reported when it is whole, and the body's end where it is known")
    func answers() {
        for (text, whole, byByte) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 whole", "200 whole"),
            ("HTTP/1.1 204 No Content\r\n\r\n", "204 whole", "204 whole"),
            ("HTTP/1.0 503\r\nRetry-After: 7\r\ncontent-length:  3\r\n\r\nabc", "503 whole", "503,ended"),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n\r\nabc", "201", "201"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n", "200", "200"),
            ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc", "200", "200"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nabc", "200", "200"),
            ("SSH-2.0-OpenSSH_9.2\r\n", "failed", "failed,failed"),
        ] {
            #expect(read(text, pieces: text.utf8.count) == whole, "\(text)")
            if text.hasPrefix("HTTP") { #expect(read(text, pieces: 1) == byByte, "\(text)") }
        }
    }
}
