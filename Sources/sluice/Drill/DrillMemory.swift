import ArgumentParser

/// `sluice drill memory`
struct DrillMemory: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memory",
        abstract: "Fill the node's memory with the histories of rooms that are deleted afterwards.",
        discussion: """
            Needs a node without Redis that has a memory limit: GOVERNOR_MEMORY_LIMIT_BYTES, or that of a control group.
            """)

    @OptionGroup var options: DrillOptions

    @Option(help: "Share of the node's memory limit at which it is held, 0.1 to 0.99.")
    var to = 0.95

    @Flag(help: "Also when the limit is all of the machine's memory: as far as --bytes goes.")
    var anyway = false

    @Option(help: "With --anyway: bytes that are filled at most, 1 to 2147483648.")
    var bytes = 1 << 30

    func validate() throws {
        try DrillOptions.check("--to", to, 0.1...0.99)
        try DrillOptions.check("--bytes", bytes, 1...(1 << 31))
    }

    func run() throws {
        try options.run(.memory(target: to, bytesWithoutLimit: anyway ? bytes : nil))
    }
}
