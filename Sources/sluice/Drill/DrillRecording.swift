import ArgumentParser
import NetworkIO
import Rehearsal

/// `sluice drill record`
struct DrillRecording: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "record",
        abstract: "Write the governor's trace of a running node to a file, and strain nothing.",
        discussion: "The trace has each sample of the last seconds with all signals and the decision, to replay it.")

    @Argument(help: "The file: CSV if it ends with .csv, else JSON lines.")
    var file: String

    @Option(help: "The node: ws://HOST[:PORT]. (default: this machine's, at PORT as for serve, else 8000)")
    var url: String?

    @Option(help: "Of the past, 1 to 600.")
    var seconds = 60

    @Option(help: "Sent as X-API-Key.")
    var apiKey: String?

    func validate() throws { try DrillOptions.check("--seconds", seconds, 1...600) }

    func run() throws {
        SignalWatcher.ignoreBrokenPipes()
        // Reading strains nothing, wherever the node is.
        let node = try DrillOptions.node(at: url, anywhere: true).url
        let recording: TraceRecording
        do throws(SystemError) {
            recording = try TraceRecording(of: node, apiKey: apiKey, seconds: seconds, path: file)
        } catch {
            Output.errorLine("sluice drill: can't start: \(error)")
            throw ExitCode(DrillRun.Status.systemFault)
        }
        throw ExitCode(recording.run())
    }
}
