/// The text of a request that this process makes of another server.
package enum HTTPClientRequest {
    /// A request with all of its body.
    /// - Parameters:
    ///   - host: the value of the Host header: host or host:port, without the port where it is the scheme's default.
    ///   - target: path and query, percent-encoded; it must contain visible ASCII alone.
    ///   - headers: beside Host, Connection and Content-Length; control characters in values become spaces.
    ///   - closes: whether the server must end the connection behind its answer.
    package static func bytes(
        _ method: HTTPMethod, host: String, target: String, headers: [(String, String)] = [], body: [UInt8] = [],
        closes: Bool
    ) -> [UInt8] {
        precondition(target.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "a target of other characters ends the line")
        var out: [UInt8] = []
        out.reserveCapacity(512 + target.utf8.count + body.count)
        out.append(contentsOf: "\(method.name) \(target) HTTP/1.1\r\n".utf8)
        HTTPResponse.append("Host", host, to: &out)
        if closes { HTTPResponse.append("Connection", "close", to: &out) }
        if method == .post || !body.isEmpty { HTTPResponse.append("Content-Length", String(body.count), to: &out) }
        for (name, value) in headers { HTTPResponse.append(name, value, to: &out) }
        out.append(contentsOf: "\r\n".utf8)
        out.append(contentsOf: body)
        return out
    }
}
