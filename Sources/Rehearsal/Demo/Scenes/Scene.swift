import Toolkit

/// One thing that the demo shows.
protocol Scene: Sendable {
    var title: String { get }
    /// Says in lines what it shows.
    var explanation: [String] { get }
    /// How many nodes it needs.
    var nodesMin: Int { get }
    /// Whether it stops Redis.
    var stopsRedis: Bool { get }

    /// Shows it. What `play.cast` has said must have arrived at the end.
    func show(_ play: Play) throws
}

extension Scene {
    var stopsRedis: Bool { false }

    /// Why it can't be shown as things are; nil when it can.
    func obstacle(_ plan: DemoPlan) -> String? {
        if plan.nodeCount < nodesMin { return "needs --nodes \(nodesMin) or more" }
        if stopsRedis, !plan.ownsRedis { return "would stop Redis, and the one of REDIS_URL is not the demo's" }
        return nil
    }
}

/// The means of a scene.
struct Play {
    let plan: DemoPlan
    let stage: Stage
    let cluster: DemoCluster
    let cast: Cast
    let screen: Screen

    /// One step of the scene; see `Screen.step`.
    func step(_ text: String, _ body: () throws -> String) throws { try screen.step(text, body) }

    /// The last step of every scene.
    func stepOfTruth() throws {
        try step("every message came to everybody once, in the same order") {
            try cast.settle()
            try cast.check()
            return ""
        }
    }

    /// As many members of one room as the demo has clients, spread over the nodes.
    func enterClients() throws {
        let members = (0..<plan.clientCount).map {
            cast.add("client-\($0 + 1)", at: cluster.nodes[$0 % cluster.nodes.count])
        }
        let nodes = min(members.count, cluster.nodes.count)
        try step("\(Figures.count(members.count, "client")) in one room, on \(Figures.count(nodes, "node"))") {
            try cast.enter(members)
            return ""
        }
    }
}
