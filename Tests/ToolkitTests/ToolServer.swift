import NetworkIO
import Testing
import Toolkit
import WireProtocol

/// A server in a stage's own loop that answers the nth request head with the nth text.
final class ToolServer: AcceptorDelegate {
    let address: SocketAddress
    private(set) var requests = ""
    private let stage: Stage
    private var answers: [String]
    private let isClosing: Bool
    private var acceptor: Acceptor?

    /// - Parameter isClosing: whether it ends the connection behind the last answer.
    init(_ stage: Stage, answers: [String], isClosing: Bool = false) throws {
        self.stage = stage
        self.answers = answers
        self.isClosing = isClosing
        let listener = try ListeningSocket.bind(host: "127.0.0.1", port: 0, count: 1)[0]
        address = try SocketAddress(numericHost: "127.0.0.1", port: listener.port)
        acceptor = try Acceptor(listener, loop: stage.loop, refusal: [], delegate: self)
    }

    func close() { acceptor?.close() }

    func accepted(_ descriptor: Int32, from address: PeerAddress) {
        do {
            _ = try End(descriptor: descriptor, loop: stage.loop, server: self)
        } catch {
            Issue.record(error)
        }
    }

    func refusedForLackOfDescriptors() { Issue.record("no descriptors") }

    private final class End: Socket {
        private weak var server: ToolServer?

        init(descriptor: Int32, loop: EventLoop, server: ToolServer) throws(SystemError) {
            self.server = server
            try super.init(descriptor: descriptor, loop: loop)
        }

        override func received(_ bytes: UnsafeMutableRawBufferPointer) {
            guard let server else { return }
            let text = String(decoding: bytes, as: UTF8.self)
            server.requests += text
            for _ in 0..<(text.components("\r\n\r\n") - 1) where !server.answers.isEmpty {
                Array(server.answers.removeFirst().utf8).withUnsafeBytes { send(FrameBuffer(copying: $0)) }
            }
            if server.answers.isEmpty, server.isClosing { closeAfterFlush() }
        }
    }
}

extension String {
    /// How many parts a separator makes of it.
    fileprivate func components(_ separator: String) -> Int { ranges(of: separator).count + 1 }
}
