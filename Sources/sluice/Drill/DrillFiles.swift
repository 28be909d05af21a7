import ArgumentParser

/// `sluice drill files`
struct DrillFiles: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "files",
        abstract: "Open connections until the node has few descriptors, or few connections, left.",
        discussion: "Each connection is an open file of this process as well: what it may have bounds the drill.")

    @OptionGroup var options: DrillOptions

    @Option(help: "Share of the node's limit of open files, or of connections, that is used up, 0.1 to 1.")
    var to = 0.95

    func validate() throws { try DrillOptions.check("--to", to, 0.1...1) }

    func run() throws { try options.run(.files(target: to)) }
}
