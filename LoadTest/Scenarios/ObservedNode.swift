import NetworkIO
import Toolkit
import WireProtocol

/// One node, seen from outside: its status, and its process when it runs on this machine.
final class ObservedNode {
    private let node: Plan.Node
    private let address: SocketAddress
    private let peer: TLSPeer?
    private let question: [UInt8]
    private unowned let loop: EventLoop
    private var connection: HTTPConnection?
    /// As of the last answer; nil when there was none.
    private(set) var status: NodeStatus?
    private(set) var hasAnswered = false

    private(set) var meter: ServerMeter

    /// - Parameter trust: whom TLS trusts.
    init(_ node: Plan.Node, trust: TLSClientContext, apiKey: String?, loop: EventLoop) throws {
        self.node = node
        peer = node.peer(trust)
        meter = ServerMeter(url: node.url)
        question = HTTPClientRequest.bytes(
            .get, host: node.host, target: "/api/system/status",
            headers: apiKey.map { [("X-API-Key", $0)] } ?? [], closes: false)
        self.loop = loop
        address = try SocketAddress(numericHost: node.address, port: node.port)
    }

    /// Asks for the status; an answer that did not come since the last question is given up.
    func ask() {
        if let former = connection, former.underWay > 0 || !former.isOpen {
            connection = nil
            former.close()
            if former.underWay > 0 { status = nil }
        }
        if connection == nil {
            connection = try? HTTPConnection(to: address, securedWith: peer, loop: loop) { [unowned self] in take($0) }
        }
        connection?.ask(question)
    }

    func close() { connection?.close() }

    /// No answer: the connection has ended.
    private func take(_ answer: HTTPAnswer?) {
        status = answer.flatMap { $0.status == 200 ? $0.body.withUnsafeBytes { NodeStatus($0) } : nil }
        hasAnswered = true
    }

    /// Finds the process, before there is any load.
    func begin() { if address.isLoopback { meter.begin(port: node.port) } }

    func phaseBegins() { meter.phaseBegins() }

    func phaseEnded(_ step: Step, isMeasured: Bool) {
        meter.phaseEnded(isConnect: step == .connect, isAtRest: step.isAtRest, isMeasured: isMeasured)
    }
}
