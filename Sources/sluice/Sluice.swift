import ArgumentParser
import Core
import Gateway
import NetworkIO

/// The command `sluice`.
@main
struct Sluice: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluice",
        abstract: "A WebSocket gateway for chat rooms and live updates that governs itself.",
        discussion: """
            Configured by environment variables and a .env file in the working directory; `sluice serve --help` has \
            them all. Exit status 64 means wrong usage, 78 a wrong configuration, in all of these.
            """,
        version: Version.number,
        subcommands: [
            Serve.self, HealthCommand.self, CheckRedis.self, RunUnderLock.self, Demo.self, Drill.self,
            TokenCommand.self, LinksCommand.self, ShowVersion.self,
        ])
}

/// `sluice version`
struct ShowVersion: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Show the version.")

    func run() {
        Output.line("sluice \(Version.number)")
    }
}
