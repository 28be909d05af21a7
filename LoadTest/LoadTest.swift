import ArgumentParser
import NetworkIO

/// The command `load_test`.
@main
struct LoadTest: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load_test",
        abstract: "Put load on Sluice nodes and say what they made of it.",
        discussion: """
            Each message is checked at each member: none lost, none twice, none out of order. In an open loop latency \
            counts from the moment at which a message should have been sent, so that a server that stalls shows.

            Exit status: 0, 1 when acked messages were lost, repeated or out of order, 64 for wrong usage, 69 when \
            nothing could be connected.
            """)

    @OptionGroup var options: LoadOptions

    func run() throws {
        if options.loads { return try Loader.serve(descriptor: ChildProcess.inheritedDescriptor) }
        let plan = try options.plan(openFilesMax: ProcessLimits.raiseOpenFiles())
        SignalWatcher.ignoreBrokenPipes()
        let conductor = try Conductor(plan: plan, options: options)
        let status = try conductor.run()
        if status != 0 { throw ExitCode(status) }
    }
}
