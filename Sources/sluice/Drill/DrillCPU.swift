import ArgumentParser
import NetworkIO

/// `sluice drill cpu`
struct DrillCPU: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cpu",
        abstract: "Burn the processors of this machine, as a neighbour of the node would.",
        discussion: "What others do brings no tier: the node is expected to stay normal.")

    @OptionGroup var options: DrillOptions

    @Option(help: "Threads that compute, 1 to 256. (default: as many as there are processors)")
    var threads: Int?

    func validate() throws {
        if let threads { try DrillOptions.check("--threads", threads, 1...256) }
    }

    func run() throws {
        let count = threads ?? ProcessLimits.processors()
        try options.run(.cpu(threads: count))
    }
}
