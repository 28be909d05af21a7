import ArgumentParser
import Rehearsal

/// `sluice drill slow-readers`
struct DrillSlowReaders: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "slow-readers",
        abstract: "Join a room of large messages with members that do not read.",
        discussion: """
            What they do not take waits in the kernel's buffers, some 4 MB for each, then in the node, up to \
            SEND_QUEUE_BYTES for each; then it closes them with 4102. All that waits in the node counts against a quarter \
            of its memory limit; at 0.9 of that the largest backlogs are cut.
            """)

    @OptionGroup var options: DrillOptions

    @Option(help: "Members, 1 to \(DrillKind.slowReadersMax).")
    var connections = 200

    @Option(help: "Messages of 48 KB per second, 1 to 1000.")
    var messageRate = 20

    func validate() throws {
        try DrillOptions.check("--connections", connections, 1...DrillKind.slowReadersMax)
        try DrillOptions.check("--message-rate", messageRate, 1...1000)
    }

    func run() throws { try options.run(.slowReaders(count: connections, messagesPerSecond: messageRate)) }
}
