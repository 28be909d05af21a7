/// A client's opening handshake, as far as the answer depends on it.
package struct WebSocketUpgrade: Equatable, Sendable {
    /// Sec-WebSocket-Key as sent: base64 of 16 bytes.
    package let key: String
    /// The subprotocols offered, in the client's order of preference.
    package let protocols: [String]
    /// The extensions offered, in the client's order of preference.
    package let extensions: [WebSocketExtension]
}

/// Why a request is no opening handshake, and the headers that the answer must have.
package struct WebSocketRefusal: Error, Sendable {
    package let failure: HTTPFailure
    package let headers: [(String, String)]
}

/// The server's side of the opening handshake (RFC 6455 §4.2).
package enum WebSocketHandshake {
    /// Appended to the key before hashing: Sec-WebSocket-Accept is base64(SHA-1(key + this)) (RFC 6455 §4.2.2).
    package static let acceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// Checks a request as RFC 6455 §4.2.1 says. Not GET: 405. No upgrade to websocket, or another version of it than
    /// 13: 426. A Connection header without "upgrade", HTTP/1.0, a body, a key that is not 16 bytes: 400.
    package static func evaluate(_ request: HTTPRequest) -> Result<WebSocketUpgrade, WebSocketRefusal> {
        guard request.method == .get else {
            return refuse(405, "method_not_allowed", "a WebSocket is opened with GET", [("Allow", "GET")])
        }
        // RFC 9110 §15.5.22, §7.8: a 426 has Upgrade, and what has Upgrade has the connection option.
        let upgrade = [("Upgrade", "websocket"), ("Connection", "Upgrade")]
        guard request.headerHasToken("upgrade", "websocket") else {
            return refuse(426, "bad_request", "this is a WebSocket endpoint: Upgrade: websocket is needed", upgrade)
        }
        guard request.minorVersion > 0 else {
            return refuse(400, "bad_request", "a WebSocket needs HTTP/1.1")
        }
        guard request.headerHasToken("connection", "upgrade") else {
            return refuse(400, "bad_request", "a WebSocket needs Connection: Upgrade")
        }
        guard request.body.isEmpty else {
            return refuse(400, "bad_request", "a WebSocket handshake has no body")
        }
        guard request.header("sec-websocket-version") == "13" else {
            return refuse(
                426, "bad_request", "Sec-WebSocket-Version must be 13", upgrade + [("Sec-WebSocket-Version", "13")])
        }
        guard let key = request.header("sec-websocket-key"), isKey(key) else {
            return refuse(400, "bad_request", "Sec-WebSocket-Key must be there once: base64 of 16 bytes")
        }
        guard let protocols = tokens(request.header("sec-websocket-protocol")) else {
            return refuse(400, "bad_request", "Sec-WebSocket-Protocol must be a list of tokens")
        }
        guard let extensions = WebSocketExtension.list(request.header("sec-websocket-extensions")) else {
            return refuse(400, "bad_request", "Sec-WebSocket-Extensions must be a list of extensions")
        }
        return .success(WebSocketUpgrade(key: key, protocols: protocols, extensions: extensions))
    }

    /// Appends the 101 response. `subprotocol` is one of those offered, `deflate` what came of an offer.
    package static func acceptResponse(
        accept: String, subprotocol: String?, deflate: DeflateAgreement? = nil, into out: inout [UInt8]
    ) {
        out.reserveCapacity(out.count + 256)
        out.append(
            contentsOf: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n".utf8)
        HTTPResponse.append("Sec-WebSocket-Accept", accept, to: &out)
        if let subprotocol { HTTPResponse.append("Sec-WebSocket-Protocol", subprotocol, to: &out) }
        if let deflate { HTTPResponse.append("Sec-WebSocket-Extensions", deflate.response, to: &out) }
        out.append(contentsOf: "\r\n".utf8)
    }

    private static func refuse(
        _ status: Int, _ code: String, _ message: String, _ headers: [(String, String)] = []
    ) -> Result<WebSocketUpgrade, WebSocketRefusal> {
        // The request itself was well-formed: the connection may live.
        let failure = HTTPFailure(status: status, code: code, message: message, closes: false)
        return .failure(WebSocketRefusal(failure: failure, headers: headers))
    }

    /// 22 digits of base64 and "==". Two lines joined by a comma don't match, nor does an unpadded one.
    private static func isKey(_ key: String) -> Bool {
        guard key.utf8.count == 24 else { return false }
        var key = key
        return key.withUTF8 { bytes in
            bytes[..<22].allSatisfy(isBase64) && bytes[22] == UInt8(ascii: "=") && bytes[23] == UInt8(ascii: "=")
        }
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "+"), UInt8(ascii: "/"): true
        default: false
        }
    }

    /// The elements of a comma-separated list, empty ones left out (RFC 9110 §5.6.1); nil when one is no token.
    static func tokens(_ list: String?) -> [String]? {
        guard let list else { return [] }
        var result: [String] = []
        for element in Array(list.utf8).split(separator: UInt8(ascii: ",")) {
            let token = HTTPFields.trimmed(element)
            if token.isEmpty { continue }
            guard token.allSatisfy(HTTPByte.isToken) else { return nil }
            result.append(String(decoding: token, as: UTF8.self))
        }
        return result
    }
}
