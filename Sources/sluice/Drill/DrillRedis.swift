import ArgumentParser

/// `sluice drill redis`
struct DrillRedis: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redis",
        abstract: "Make the node's Redis stand still, for all that use it, while messages are published.",
        discussion: """
            The node goes on alone (degraded), keeps what it accepts in its outbox, and commits it when Redis is back. \
            The pause is made of short ones, and ends within a second when this process does.
            """)

    @OptionGroup var options: DrillOptions

    @Option(help: "The Redis that the node uses.")
    var redisURL: String

    func run() throws {
        let redis = try options.redis(redisURL)
        try options.run(.redis(redis.options, at: redis.address))
    }
}
