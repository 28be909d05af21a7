import NetworkIO
import WireProtocol

/// The WebSocket of a link. Nothing leaves over it once the node may not act for the link any more, whatever the socket
/// has queued.
///
/// Thread: the worker's.
final class LinkConnection: WebSocketClient {
    /// nil: the link is gone.
    private weak var link: Link?
    private let bytesMax: Int

    init(
        to address: SocketAddress, securedWith peer: TLSPeer?, request: WebSocketRequest, messageBytesMax: Int,
        link: Link, loop: EventLoop
    ) throws(SystemError) {
        self.link = link
        bytesMax = messageBytesMax
        try super.init(to: address, securedWith: peer, request: request, loop: loop)
    }

    override var messageBytesMax: Int { bytesMax }

    private var mayAct: Bool { link?.mayAct ?? false }

    override func received(_ bytes: UnsafeMutableRawBufferPointer) {
        guard mayAct else { return reset() }
        link?.heard()
        super.received(bytes)
    }

    override func unblocked() { if !mayAct { reset() } }

    override func opened() { link?.opened() }
    override func received(text: UnsafeRawBufferPointer) { link?.input.received(text: text) }
    override func received(binary: UnsafeRawBufferPointer) { link?.input.received(binary: binary) }

    override func drained() {
        super.drained()
        link?.drained()
    }

    override func closed(_ end: WebSocketClientEnd) { link?.ended(self, end) }
}
