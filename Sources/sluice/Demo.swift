import ArgumentParser
import Gateway
import NetworkIO
import RedisLink
import Rehearsal

/// `sluice demo`
struct Demo: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show on this machine what a cluster does, faults included, and check it.",
        discussion: """
            Starts a redis-server and nodes of its own on free ports of 127.0.0.1, shows six scenes with real clients, \
            counts what was lost, duplicated or out of order, and ends all that it has started. With REDIS_URL the \
            nodes use that Redis, which is never stopped or emptied; the scene that would need it is skipped.

            Exit status: 0 when everything arrived once and in order, 1 when not, 69 when there is no redis-server or \
            the Redis of REDIS_URL can't be used, 78 when the configuration is wrong, 128 plus the signal when \
            interrupted.
            """)

    @Option(help: "Nodes to start, 1 to 9; with one alone, scenes 2 to 5 are skipped.")
    var nodes = 3

    @Option(help: "Clients in the scenes that are about many, 1 to 100.")
    var clients = 5

    /// sysexits(3)
    private static let unavailable: Int32 = 69
    private static let systemFault: Int32 = 71

    func validate() throws {
        try check("--nodes", nodes, 1...9)
        try check("--clients", clients, 1...100)
    }

    private func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws {
        guard !range.contains(value) else { return }
        throw ValidationError("\(name) is \(value); allowed: \(range.lowerBound) to \(range.upperBound)")
    }

    func run() throws {
        SignalWatcher.ignoreBrokenPipes()
        let variables = try Configuration.variablesOfProcess()
        let source = try redis(variables)
        let plan = DemoPlan(nodeCount: nodes, clientCount: clients, redis: source, variables: variables)
        let run: DemoRun
        do {
            run = try DemoRun(plan)
        } catch let error as SystemError {
            Output.errorLine("sluice demo: can't start: \(error)")
            throw ExitCode(Self.systemFault)
        }
        throw ExitCode(run.run())
    }

    /// The Redis of REDIS_URL when it can be used, else a redis-server when there is one.
    private func redis(_ variables: [String: String]) throws -> DemoPlan.RedisSource {
        guard let options = try Configuration.ofProcess().redis, let url = variables["REDIS_URL"] else {
            guard let program = TiedProcess.find("redis-server", path: variables["PATH"] ?? "") else {
                Output.errorLine(
                    "sluice demo: redis-server is not on the PATH; install it (Debian, Ubuntu: apt install "
                        + "redis-server), or set REDIS_URL to a Redis that may be used")
                throw ExitCode(Self.unavailable)
            }
            return .own(program: program)
        }
        var lines: [String] = []
        guard try RedisCheck(options, report: { lines.append($0.description) }).run() else {
            Output.errorLine("sluice demo: the Redis of REDIS_URL, \(options.url), can't be used: \(lines.last ?? "")")
            throw ExitCode(Self.unavailable)
        }
        return .given(url: url, shown: options.url.description)
    }
}
