import NetworkIO
import Toolkit
import WireProtocol

/// A node of the demo: this program once more, serving on a port of 127.0.0.1.
final class NodeProcess {
    let server: ServerProcess
    private let stage: Stage
    private let plan: DemoPlan
    private(set) var address: SocketAddress?

    init(_ name: String, plan: DemoPlan, stage: Stage, folder: TemporaryFolder) {
        server = ServerProcess(name, log: "\(name).log", in: folder, stage: stage)
        self.stage = stage
        self.plan = plan
    }

    /// Its NODE_ID.
    var name: String { server.name }
    /// Whether it must run; `server.fault` says whether it does.
    var isUp: Bool { server.isUp }

    /// Starts it and returns at once, on a port that was free.
    func launch(redisURL: String) throws {
        let port = try ListeningSocket.freeLoopbackPort()
        address = try SocketAddress(numericHost: "127.0.0.1", port: port)
        var environment = plan.nodeSettings(redisURL: redisURL)
        environment["HOST"] = "127.0.0.1"
        environment["PORT"] = String(port)
        environment["NODE_ID"] = name
        try server.launch("/proc/self/exe", ["sluice", "serve"], environment: environment)
    }

    /// Starts it once more when another program has taken its port meanwhile.
    func relaunchIfAddressWasTaken(redisURL: String) throws {
        if server.exitStatus() == Self.unavailable { try launch(redisURL: redisURL) }
    }
    /// sysexits(3): what `sluice serve` ends with when its address is in use.
    private static let unavailable: Int32 = 69

    /// "single", "cluster" or "degraded"; nil when it does not answer.
    func mode() throws -> String? {
        try get("/health")?.withUnsafeBytes { MemberScanner.text(of: "mode", in: $0) }
    }

    /// The nodes that it knows of, by name, with their state; nil when it does not answer.
    func nodes() throws -> [String: String]? {
        try get("/api/nodes")?.withUnsafeBytes { bytes in
            var states: [String: String] = [:]
            var answer = MemberScanner(bytes)
            while let member = answer.next() {
                guard member.key.equals("nodes") else { continue }
                var list = MemberScanner(member.value)
                while let node = list.nextElement() {
                    if let name = MemberScanner.text(of: "node", in: node) {
                        states[name] = MemberScanner.text(of: "state", in: node)
                    }
                }
            }
            return states
        }
    }

    /// How many direct messages a user has not processed; nil when it does not answer.
    func pendingDirects(of user: String) throws -> Int? {
        try get("/api/users/\(user)")?.withUnsafeBytes { MemberScanner.text(of: "inbox_pending", in: $0) }.flatMap {
            Int($0)
        }
    }

    /// Whether the cluster does not have a room any more.
    func delete(room: String) throws -> Bool {
        let status = try ask(.delete, "/api/rooms/\(room)")?.status
        return status == 204 || status == 404
    }

    /// The body of its answer to a GET, when that was 200.
    private func get(_ path: String) throws -> [UInt8]? {
        try ask(.get, path).flatMap { $0.status == 200 ? $0.body : nil }
    }

    private func ask(_ method: HTTPMethod, _ path: String) throws -> HTTPAnswer? {
        guard let address else { return nil }
        return try stage.ask(
            HTTPClientRequest.bytes(method, host: address.text, target: path, closes: true), of: address)
    }
}
