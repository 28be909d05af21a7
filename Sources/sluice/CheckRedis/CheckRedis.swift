import ArgumentParser
import Gateway
import NetworkIO
import RedisLink

/// `sluice check-redis`
struct CheckRedis: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-redis",
        abstract: "Try out the Redis of REDIS_URL, step by step.",
        discussion: """
            One line for each step: resolve, connect, TLS, auth, ping, role, memory, write, scripts, pub/sub. Each may \
            take REDIS_TIMEOUT. What is written is taken away again.

            Exit status: 0 when all of it works, 69 when a step fails, 78 when the configuration is wrong or \
            REDIS_URL is not set.
            """)

    /// sysexits(3)
    private static let unavailable: Int32 = 69

    func run() throws {
        let check = try RedisCheck(Configuration.redisOfProcess()) { Output.line($0.description) }
        // Not by returning: a look-up that is still under way would be waited for.
        ProcessEnd.now(check.run() ? 0 : Self.unavailable)
    }
}
