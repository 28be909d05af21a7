import NetworkIO
import WireProtocol

/// A node of the demo: this program once more, serving on a port of 127.0.0.1.
final class NodeProcess {
    /// Its NODE_ID.
    let name: String
    private let stage: Stage
    private let folder: TemporaryFolder
    private let plan: DemoPlan
    private var process: TiedProcess?
    private(set) var address: SocketAddress?

    init(_ name: String, plan: DemoPlan, stage: Stage, folder: TemporaryFolder) {
        self.name = name
        self.stage = stage
        self.folder = folder
        self.plan = plan
    }

    private var log: String { "\(folder.path)/\(name).log" }

    /// Whether it is to run; see `fault` for whether it does.
    var isUp: Bool { process != nil }

    /// Starts it and returns at once, on a port that was free.
    func launch(redisURL: String) throws {
        let port = try ListeningSocket.freeLoopbackPort()
        address = try SocketAddress(numericHost: "127.0.0.1", port: port)
        var environment = plan.nodeSettings(redisURL: redisURL)
        environment["HOST"] = "127.0.0.1"
        environment["PORT"] = String(port)
        environment["NODE_ID"] = name
        process = try TiedProcess(
            "/proc/self/exe", ["sluice", "serve"], environment: environment, folder: folder.path, output: log)
    }

    /// Starts it once more when another program has taken its port meanwhile.
    func relaunchIfAddressWasTaken(redisURL: String) throws {
        if process?.ended() == Self.unavailable { try launch(redisURL: redisURL) }
    }
    /// sysexits(3): what `sluice serve` ends with when its address is in use.
    private static let unavailable: Int32 = 69

    /// "single", "cluster" or "degraded"; nil when it does not answer.
    func mode() throws -> String? {
        guard let address, let body = try stage.get("/health", of: address) else { return nil }
        return body.withUnsafeBytes { MemberScanner.text(of: "mode", in: $0) }
    }

    /// The nodes that it knows of, by name, with their state; nil when it does not answer.
    func nodes() throws -> [String: String]? {
        guard let address, let body = try stage.get("/api/nodes", of: address) else { return nil }
        return body.withUnsafeBytes { bytes in
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
        guard let address, let body = try stage.get("/api/users/\(user)", of: address) else { return nil }
        return body.withUnsafeBytes { MemberScanner.text(of: "inbox_pending", in: $0) }.flatMap { Int($0) }
    }

    /// Whether the cluster does not have a room any more.
    func delete(room: String) throws -> Bool {
        guard let address, let answer = try stage.request("DELETE", "/api/rooms/\(room)", of: address) else {
            return false
        }
        return answer.status == 204 || answer.status == 404
    }

    /// Why it does not run although it should; told once, after which it counts as down.
    func fault() -> String? {
        guard let status = process?.ended() else { return nil }
        process = nil
        return "\(name) has ended by itself with status \(status); its log: \(log)"
    }

    /// kill -9.
    func kill() throws {
        let former = process
        process = nil
        former?.killNow()
        try stage.wait("the end of \(name)", seconds: 5) { former?.ended() != nil }
    }

    /// Asks it to drain.
    func terminate() { process?.terminate() }

    /// How it has ended after `terminate`; nil while it runs.
    func exitStatus() -> Int32? { process?.ended() }

    /// Lets go of it, which kills it where it still runs.
    func drop() { process = nil }
}
