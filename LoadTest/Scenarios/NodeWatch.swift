import NetworkIO
import Toolkit
import WireProtocol

/// One node, seen from outside: its status, and its CPU time and memory when it runs on this machine.
final class NodeWatch {
    let node: Plan.Node
    private let address: SocketAddress
    private let question: [UInt8]
    private unowned let loop: EventLoop
    private var connection: HTTPConnection?
    /// As of the last answer; nil when there was none.
    private(set) var status: NodeStatus?
    private(set) var hasAnswered = false

    private(set) var pid: Int?
    private var proportionalBytesAtStart: Int?
    private var cpuAtMark: Double?
    private(set) var connectCPUSeconds: Double?
    private(set) var measureCPUSeconds: Double?
    private(set) var bytesAdded: Int?

    init(_ node: Plan.Node, apiKey: String?, loop: EventLoop) throws {
        self.node = node
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
            connection = try? HTTPConnection(to: address, loop: loop) { [unowned self] in take($0) }
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
    func begin() {
        guard address.isLoopback else { return }
        pid = ProcessTable.listener(port: node.port)
        proportionalBytesAtStart = pid.flatMap(ProcessTable.proportionalBytes)
    }

    /// A phase begins.
    func mark() { cpuAtMark = pid.flatMap(ProcessTable.cpuSeconds) }

    /// A phase ends; with the connections that it leaves, memory is measured.
    func finishPhase(_ step: Step, isMeasured: Bool, _ connected: Int) {
        guard let pid, let before = cpuAtMark, let now = ProcessTable.cpuSeconds(pid: pid) else { return }
        if step == .connect { connectCPUSeconds = now - before }
        if isMeasured { measureCPUSeconds = (measureCPUSeconds ?? 0) + now - before }
        var isHold = false
        if case .hold = step { isHold = true }
        guard step == .connect || isHold, let start = proportionalBytesAtStart,
            let bytes = ProcessTable.proportionalBytes(pid: pid)
        else { return }
        bytesAdded = bytes - start
    }
}
