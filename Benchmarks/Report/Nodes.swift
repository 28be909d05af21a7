import ArgumentParser
import Foundation

/// One table of what the load tool found out about whole nodes.
struct Nodes: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Prints a table of load_test's JSON reports; exits with 1 when messages were lost, doubled or misplaced.")

    @Argument(help: "Files that load_test wrote with --json.")
    var files: [String]

    func run() throws {
        let runs = try files.map {
            try JSONDecoder().decode(NodeRun.self, from: Data(contentsOf: URL(fileURLWithPath: $0)))
        }
        let header = [
            "scenario", "connections", "opened/s", "sent/s", "delivered/s", "p50", "p99", "per CPU s", "bytes/conn.",
            "faults",
        ]
        print(Text.table(header, runs.map(\.cells)) + "\n")
        guard runs.allSatisfy(\.isRight) else { throw ExitCode(1) }
    }
}

/// The part of the load tool's report that the table shows.
struct NodeRun: Decodable {
    struct Run: Decodable { var scenario: String }
    struct Connections: Decodable {
        var wanted: Int
        var opened: Int
        var perSecond: Double
        var handshake: Latency
    }
    struct Messages: Decodable {
        var lost: Int
        var duplicated: Int
        var misordered: Int
        var sentPerSecond: Double
        var deliveredPerSecond: Double
        var delivery: Latency
    }
    struct Latency: Decodable {
        var count: Int
        /// Milliseconds.
        var p50: Double
        var p99: Double
    }
    struct Server: Decodable {
        var bytesPerConnection: Double?
        var deliveriesPerCPUSecond: Double?
    }

    var run: Run
    var connections: Connections
    var messages: Messages
    var servers: [Server]

    /// Nothing lost, doubled or misplaced, and all connections opened.
    var isRight: Bool { faults == 0 && connections.opened > 0 }

    private var faults: Int { messages.lost + messages.duplicated + messages.misordered }

    /// Latency is that of messages, or of connecting where there are none.
    var cells: [String] {
        let latency = messages.delivery.count > 0 ? messages.delivery : connections.handshake
        func rate(_ value: Double) -> String { value > 0 ? String(format: "%.0f", value) : "–" }
        func time(_ milliseconds: Double) -> String { latency.count > 0 ? Text.time(milliseconds * 1_000_000) : "–" }
        return [
            run.scenario, "\(connections.opened)/\(connections.wanted)", rate(connections.perSecond),
            rate(messages.sentPerSecond), rate(messages.deliveredPerSecond), time(latency.p50), time(latency.p99),
            rate(servers.compactMap(\.deliveriesPerCPUSecond).reduce(0, +)),
            rate(servers.compactMap(\.bytesPerConnection).max() ?? 0), faults == 0 ? "none" : "\(faults)",
        ]
    }
}
