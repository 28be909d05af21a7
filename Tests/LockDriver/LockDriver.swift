import ArgumentParser
import ClusterState
import Core
import NetworkIO
import RedisLink

/// A process that acquires, uses and releases locks, thousands of times, and writes down what it saw: what
/// `Tests/Measure/locks.py` drives and disturbs.
@main
struct LockDriver: ParsableCommand {
    @Option(help: "The Redis, as REDIS_URL.")
    var redis: String

    @Option(help: "REDIS_TIMEOUT in seconds.")
    var timeout = 2.0

    @Option(help: "The port of the counters on 127.0.0.1.")
    var counters: UInt16

    @Option(help: "The file for the events, a line of JSON each.")
    var events: String

    @Option(help: "Names of locks, one of which each cycle uses.")
    var locks = "a,b,c,d,e,f,g,h"

    @Option(help: "In milliseconds.")
    var ttl = LockLimits.ttlMilliseconds.lowerBound

    @Option(help: "In milliseconds, the same in all processes, and no shorter than the ttl.")
    var quarantine = LockLimits.ttlMilliseconds.upperBound

    @Option(help: "The longest hold of most cycles in milliseconds.")
    var hold = 10

    @Option(help: "One cycle of so many holds for up to twice the ttl; 0: none.")
    var longEvery = 300

    @Option(help: "Ends after so many cycles that got their lock; 0: never.")
    var cycles = 0

    @Option(help: "Of the choices.")
    var seed: UInt64

    func run() throws {
        let options = RedisOptions(url: try RedisURL(redis), timeoutMilliseconds: Int(timeout * 1000))
        try LockCycles(self, options).run()
    }
}
