import ArgumentParser
import Gateway
import NetworkIO
import RedisLink
import Rehearsal

/// The options that all drills take.
struct DrillOptions: ParsableArguments {
    /// How long the drill, and the wait after it, may take at most.
    private static let seconds = 1...600
    /// The default of PORT.
    private static let usualPort = "8000"

    @Option(help: "The node: ws://HOST[:PORT]. (default: this machine's, at PORT as for serve, else 8000)")
    var url: String?

    @Flag(help: "Without --url and PORT: strain the node that is there, whichever it is.")
    var yes = false

    @Flag(help: "Also when the node, or its Redis, is on another machine.")
    var anywhere = false

    @Option(help: "How long, 1 to 600.")
    var seconds = 20

    @Option(help: "How many seconds to wait until the node is normal again, 1 to 600.")
    var settle = 60

    @Option(help: "Sent as X-API-Key, where others of this machine see it. (default: the first of API_KEY)")
    var apiKey: String?

    @Option(help: "Write the figures as JSON to this file.")
    var json: String?

    @Option(help: "Write the governor's trace of the drill to this file: CSV if it ends with .csv, else JSON lines.")
    var record: String?

    func validate() throws {
        try Self.check("--seconds", seconds, Self.seconds)
        try Self.check("--settle", settle, Self.seconds)
        // It stands in a header.
        guard apiKey?.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) != false else {
            throw ValidationError("--api-key holds something else than visible ASCII characters")
        }
    }

    static func check<Value: Comparable>(_ name: String, _ value: Value, _ range: ClosedRange<Value>) throws {
        guard !range.contains(value) else { return }
        throw ValidationError("\(name) is \(value); allowed: \(range.lowerBound) to \(range.upperBound)")
    }

    /// The node of `--url`, whose name is looked up, else the one that `serve` would be here.
    /// - Returns: it, and whether somebody has named it.
    func node() throws -> (url: NodeURL, isNamed: Bool) { try Self.node(at: url, anywhere: anywhere, yes: yes) }

    /// The same for a command with options of its own.
    static func node(at given: String?, anywhere: Bool, yes: Bool = false) throws -> (url: NodeURL, isNamed: Bool) {
        let variables = try Configuration.variablesOfProcess()
        let port = variables["SLUICE_PORT"] ?? variables["PORT"]
        let url = given ?? "ws://127.0.0.1:\(port ?? Self.usualPort)"
        guard let node = NodeURL(url) else {
            throw ValidationError(
                "--url is \"\(url)\", by PORT if not given; allowed: ws://HOST[:PORT] or wss://HOST[:PORT], no path")
        }
        guard anywhere || node.address.isLoopback else {
            throw ValidationError(
                "--url is \"\(url)\", which is another machine; --anywhere allows to strain a node there")
        }
        return (node, given != nil || port != nil || yes)
    }

    /// The Redis of a URL, whose name is looked up.
    func redis(_ text: String) throws -> (options: RedisOptions, address: SocketAddress) {
        let url: RedisURL
        do throws(RedisURL.Fault) {
            url = try RedisURL(text)
        } catch {
            throw ValidationError("--redis-url: \(error); it is to be \(RedisURL.rule)")
        }
        guard let address = SocketAddress.resolve(host: url.host, port: url.port) else {
            throw ValidationError("--redis-url: \(url.host) has no address")
        }
        guard anywhere || address.isLoopback else {
            throw ValidationError(
                "--redis-url is \(url), which is another machine; --anywhere allows to strain a Redis there")
        }
        return (
            RedisOptions(
                url: url, authorities: url.isSecure ? try authorities() : nil,
                timeoutMilliseconds: DrillKind.redisTimeoutMilliseconds), address
        )
    }

    /// Those of REDIS_CA_FILE, as for serve; nil when it is not set.
    private func authorities() throws -> TLSAuthorities? {
        guard let path = try Configuration.variablesOfProcess()["REDIS_CA_FILE"] else { return nil }
        do throws(TLSClientContext.Fault) { return try TLSAuthorities(path) } catch {
            throw ValidationError("REDIS_CA_FILE: \(error)")
        }
    }

    /// Runs a drill; the exit status is thrown.
    func run(_ kind: DrillKind) throws -> Never {
        SignalWatcher.ignoreBrokenPipes()
        let node = try node()
        let own = try Configuration.variablesOfProcess()["API_KEY"]?.split(separator: ",").first.map(String.init)
        let run: DrillRun
        do throws(SystemError) {
            run = try DrillRun(
                kind, at: node.url, isNamed: node.isNamed, apiKey: apiKey ?? own, seconds: seconds,
                settleSeconds: settle, file: json, tracePath: record)
        } catch {
            Output.errorLine("sluice drill: can't start: \(error)")
            throw ExitCode(DrillRun.Status.systemFault)
        }
        throw ExitCode(run.run())
    }
}
