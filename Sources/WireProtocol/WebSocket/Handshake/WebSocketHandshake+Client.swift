/// Why a server's answer to an opening handshake can't be accepted (RFC 6455 §4.1).
package enum WebSocketHandshakeFault: Error, Equatable, Sendable {
    /// The server refused, or wants something else first (401, 3xx); the status says which.
    case refused(status: Int)
    case oldVersion
    case noUpgrade
    case noConnectionUpgrade
    case wrongAccept
    case unofferedProtocol
    case unofferedExtension

    /// For a log or an operator. Holds no bytes of the response.
    package var message: String {
        switch self {
        case .refused(let status): "the server answered \(status) \(HTTPStatus.reason(status)) instead of 101"
        case .oldVersion: "the server answered with HTTP/1.0"
        case .noUpgrade: "the answer has no Upgrade: websocket"
        case .noConnectionUpgrade: "the answer has no Connection: Upgrade"
        case .wrongAccept: "Sec-WebSocket-Accept is missing or not that of the key"
        case .unofferedProtocol: "the server chose a subprotocol that was not offered"
        case .unofferedExtension: "the server chose an extension that was not offered"
        }
    }
}

/// The client's side of the opening handshake (RFC 6455 §4.1).
extension WebSocketHandshake {
    /// The request that opens a WebSocket. `host` is host or host:port, without the port where it is the scheme's
    /// default; `target` is path and query, percent-encoded; `key` is base64 of 16 random bytes. Bytes that would break
    /// the request line are percent-encoded, control characters in headers become spaces.
    package static func clientRequest(
        host: String, target: String, key: String, protocols: [String] = [], headers: [(String, String)] = []
    ) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(256 + target.utf8.count)
        out.append(contentsOf: "GET ".utf8)
        if target.utf8.first != UInt8(ascii: "/") { out.append(UInt8(ascii: "/")) }
        for byte in target.utf8 {
            if byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "#") {
                out.append(byte)
            } else {
                out.append(contentsOf: [UInt8(ascii: "%"), hexDigit(byte &>> 4), hexDigit(byte & 15)])
            }
        }
        out.append(contentsOf: " HTTP/1.1\r\n".utf8)
        HTTPResponse.append("Host", host, to: &out)
        out.append(contentsOf: "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n".utf8)
        HTTPResponse.append("Sec-WebSocket-Key", key, to: &out)
        if !protocols.isEmpty {
            HTTPResponse.append("Sec-WebSocket-Protocol", protocols.joined(separator: ", "), to: &out)
        }
        for (name, value) in headers { HTTPResponse.append(name, value, to: &out) }
        out.append(contentsOf: "\r\n".utf8)
        return out
    }

    /// Nil when the server has accepted. `expectedAccept` is base64(SHA-1(key + acceptSuffix)). No extension is offered
    /// by `clientRequest`, so none may be chosen, unless `offersExtensions` says that a header of the caller's did.
    package static func checkServer(
        response: HTTPResponseHead, expectedAccept: String, offeredProtocols: [String], offersExtensions: Bool = false
    ) -> WebSocketHandshakeFault? {
        guard response.status == 101 else { return .refused(status: response.status) }
        guard response.minorVersion > 0 else { return .oldVersion }
        guard let upgrade = response.header("upgrade"), isWebSocket(upgrade) else { return .noUpgrade }
        guard response.headerHasToken("connection", "upgrade") else { return .noConnectionUpgrade }
        guard response.header("sec-websocket-accept") == expectedAccept else { return .wrongAccept }
        if let chosen = response.header("sec-websocket-protocol"), !offeredProtocols.contains(chosen) {
            return .unofferedProtocol
        }
        if !offersExtensions, let chosen = response.header("sec-websocket-extensions"), !chosen.isEmpty {
            return .unofferedExtension
        }
        return nil
    }

    private static func isWebSocket(_ value: String) -> Bool {
        value.utf8.elementsEqual("websocket".utf8) { HTTPByte.lowercased($0) == $1 }
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? value &+ 0x30 : value &+ 0x37
    }
}
