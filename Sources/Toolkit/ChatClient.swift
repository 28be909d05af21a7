import NetworkIO

/// The place in a room that a connection asks for in its opening handshake. Names must be percent-encoded.
package struct ChatSeat: Sendable {
    package let room: String
    package let user: String
    package var device: String?
    package var deviceType: String?
    /// The position up to which the history is known: what came behind it is wanted.
    package var since: (epoch: String, seq: UInt64)?

    package init(
        room: String, user: String, device: String? = nil, deviceType: String? = nil,
        since: (epoch: String, seq: UInt64)? = nil
    ) {
        self.room = room
        self.user = user
        self.device = device
        self.deviceType = deviceType
        self.since = since
    }

    /// Path and query.
    package var target: String {
        var query: [String] = []
        if let device { query.append("device=\(device)") }
        if let deviceType { query.append("device_type=\(deviceType)") }
        if let since { query.append("since=\(since.seq)&epoch=\(since.epoch)") }
        return "/ws/\(room)/\(user)" + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
    }
}

/// Hears what happens on chat clients. Called on the loop's thread.
package protocol ChatClientDelegate: AnyObject {
    /// The handshake is through.
    func opened(_ client: ChatClient)
    /// A text message; the bytes are gone after the call.
    func received(_ text: UnsafeRawBufferPointer, on client: ChatClient)
    /// The connection is over, or never came about. Called once, and nothing after it.
    func closed(_ client: ChatClient, _ end: WebSocketClientEnd)
}

extension ChatClientDelegate {
    package func opened(_ client: ChatClient) {}
    package func received(_ text: UnsafeRawBufferPointer, on client: ChatClient) {}
}

/// One connection to a node, of a user in a room.
///
/// Thread: the loop's.
package final class ChatClient: WebSocketClient {
    private weak var delegate: (any ChatClientDelegate)?
    /// Whether the handshake was ever through.
    package private(set) var wasOpened = false

    /// Begins to connect.
    /// - Parameters:
    ///   - host: the value of the Host header.
    ///   - peer: whom TLS is spoken with; nil: plain TCP.
    ///   - source, receiveBufferBytes: see `SocketAddress.connect`.
    ///   - timeoutMilliseconds: for the connect and the handshake together, to the grain of the loop's tick.
    /// - Throws: `SystemError` when the system refuses at once (no descriptor, no port).
    package init(
        _ seat: ChatSeat, at address: SocketAddress, from source: SocketAddress? = nil, host: String,
        securedWith peer: TLSPeer? = nil, key: WebSocketKey = WebSocketKey(), receiveBufferBytes: Int32? = nil,
        timeoutMilliseconds: Int, loop: EventLoop, delegate: any ChatClientDelegate
    ) throws(SystemError) {
        self.delegate = delegate
        try super.init(
            to: address, from: source, receiveBufferBytes: receiveBufferBytes, securedWith: peer,
            request: WebSocketRequest(host: host, target: seat.target, key: key),
            timeoutMilliseconds: timeoutMilliseconds, loop: loop)
    }

    override package func opened() {
        wasOpened = true
        delegate?.opened(self)
    }

    override package func received(text: UnsafeRawBufferPointer) { delegate?.received(text, on: self) }
    override package func closed(_ end: WebSocketClientEnd) { delegate?.closed(self, end) }
}
