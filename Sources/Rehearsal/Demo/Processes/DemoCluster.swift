import NetworkIO
import Toolkit

/// The demo's nodes and, when it is its own, their Redis: started, killed, started again, ended.
final class DemoCluster {
    let plan: DemoPlan
    let nodes: [NodeProcess]
    /// nil when it is somebody else's.
    let redis: RedisProcess?
    private let stage: Stage
    private let folder: TemporaryFolder

    /// Makes the folder; nothing is started.
    init(_ plan: DemoPlan, stage: Stage) throws {
        let folder = try TemporaryFolder(in: plan.variables["TMPDIR"] ?? "/tmp", prefix: "sluice-demo-")
        self.plan = plan
        self.stage = stage
        self.folder = folder
        nodes = (0..<plan.nodeCount).map { NodeProcess(plan.nodeName($0), plan: plan, stage: stage, folder: folder) }
        switch plan.redis {
        case .own(let program):
            redis = RedisProcess(program, stage: stage, folder: folder, environment: plan.bareEnvironment)
        case .given: redis = nil
        }
    }

    /// The nodes that must run.
    var up: [NodeProcess] { nodes.filter(\.isUp) }
    /// Where the logs are.
    var logFolder: String { folder.path }
    func removeLogs() { folder.remove() }

    private var redisURL: String {
        switch plan.redis {
        case .own: redis?.url ?? ""
        case .given(let url, _): url
        }
    }

    /// Starts these nodes, and waits until each is one of the cluster.
    func start(_ nodes: [NodeProcess]) throws {
        // A port that was taken meanwhile ends a node, and is no fault.
        stage.watch = {}
        defer { stage.watch = { [unowned self] in try check() } }
        for node in nodes { try node.launch(redisURL: redisURL) }
        try stage.wait("the cluster of \(nodes.count == 1 ? nodes[0].name : "the nodes")", seconds: 20) {
            try nodes.allSatisfy { node in
                try node.relaunchIfAddressWasTaken(redisURL: redisURL)
                if let fault = node.server.fault() { throw SceneFault(fault) }
                return try node.mode() == "cluster"
            }
        }
    }

    /// Whether each node says that it is in this mode.
    func allAre(inMode mode: String) throws -> Bool { try up.allSatisfy { try $0.mode() == mode } }

    /// Throws, once for each, when something has ended that should run.
    private func check() throws {
        for node in nodes {
            if let fault = node.server.fault() { throw SceneFault(fault) }
        }
        if let fault = redis?.server.fault() { throw SceneFault(fault) }
    }

    /// Ends all that was started; what did not end in order.
    func end() -> [String] {
        var faults: [String] = []
        let ending = up.map(\.server)
        for node in ending { node.terminate() }
        let areGone = { ending.allSatisfy { $0.exitStatus() != nil } }
        do {
            try stage.wait("the end of the nodes", seconds: 10, until: areGone)
        } catch {
            faults.append("\(error)")
        }
        for node in ending {
            if let status = node.exitStatus(), status != 0 { faults.append("\(node.name) ended with \(status)") }
            node.drop()
        }
        guard let redis = redis?.server else { return faults }
        redis.terminate()
        do {
            try stage.wait("the end of redis-server", seconds: 10) { redis.exitStatus() != nil || !redis.isUp }
        } catch {
            faults.append("\(error)")
        }
        redis.drop()
        return faults
    }
}
