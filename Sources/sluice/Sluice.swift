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
        version: Version.number,
        subcommands: [
            Serve.self, CheckRedis.self, RunUnderLock.self, Demo.self, Drill.self, TokenCommand.self, LinksCommand.self,
            ShowVersion.self,
        ])
}

/// `sluice version`
struct ShowVersion: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Show the version.")

    func run() {
        Output.line("sluice \(Version.number)")
    }
}
