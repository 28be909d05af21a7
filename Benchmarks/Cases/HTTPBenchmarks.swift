import NetworkIO
import WireProtocol

/// Opening a WebSocket: the request as a browser sends it, and the answer.
enum HTTPBenchmarks {
    static let all = [upgrade]

    private static let request = Array(
        """
        GET /ws/lobby/anna?device=phone HTTP/1.1\r
        Host: chat.example.com\r
        Connection: Upgrade\r
        Pragma: no-cache\r
        Cache-Control: no-cache\r
        User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r
        Upgrade: websocket\r
        Origin: https://chat.example.com\r
        Sec-WebSocket-Version: 13\r
        Accept-Encoding: gzip, deflate, br, zstd\r
        Accept-Language: en-GB,en;q=0.9\r
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r
        \r\n
        """.utf8)

    private static let upgrade = Benchmark(
        name: "http-upgrade/browser", operation: "request, its checks and the 101", warmUp: 100, counted: 1000
    ) {
        let digest = HandshakeDigest()
        return { operations in
            var work = Benchmark.Work()
            for _ in 0..<operations {
                var parser = HTTPRequestParser(limits: HTTPLimits())
                let (_, event) = request.withUnsafeBytes { parser.consume($0) }
                guard case .request(let request) = event,
                    case .success(let upgrade) = WebSocketHandshake.evaluate(request)
                else { continue }
                var response: [UInt8] = []
                let accept = digest.accept(key: upgrade.key, suffix: WebSocketHandshake.acceptSuffix)
                WebSocketHandshake.acceptResponse(accept: accept, subprotocol: nil, into: &response)
                work.bytes += response.count
            }
            return work
        }
    }
}
