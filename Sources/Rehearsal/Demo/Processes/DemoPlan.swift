/// The nodes and clients that a demo starts, and where its Redis comes from.
package struct DemoPlan {
    package enum RedisSource {
        /// A redis-server of the demo's own: the path of the program.
        case own(program: String)
        /// Somebody else's, which is neither stopped nor emptied: REDIS_URL as it was written, and with secrets hidden.
        case given(url: String, shown: String)
    }

    let nodeCount: Int
    let clientCount: Int
    let redis: RedisSource
    /// The variables of the environment, and those of `.env` that it does not have.
    let variables: [String: String]
    /// Stands in the names of this run's rooms, users and, in somebody else's Redis, nodes: nobody else has them.
    let tag = String((0..<4).map { _ in "abcdefghijkmnpqrstuvwxyz23456789".randomElement() ?? "x" })

    /// - Parameters:
    ///   - nodeCount: 1 to 9.
    ///   - clientCount: 1 to 100.
    package init(nodeCount: Int, clientCount: Int, redis: RedisSource, variables: [String: String]) {
        self.nodeCount = nodeCount
        self.clientCount = clientCount
        self.redis = redis
        self.variables = variables
    }

    /// Whether it may be stopped.
    var ownsRedis: Bool { if case .own = redis { true } else { false } }

    func nodeName(_ index: Int) -> String { ownsRedis ? "demo-\(index + 1)" : "demo-\(tag)-\(index + 1)" }

    /// The part of the environment that programs need to run at all; what configures a node is not passed on.
    var bareEnvironment: [String: String] {
        let names: Set = ["PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "SWIFT_BACKTRACE"]
        return variables.filter { names.contains($0.key) || $0.key.hasSuffix("SAN_OPTIONS") }
    }

    /// The environment of a node but for what is its own.
    func nodeSettings(redisURL: String) -> [String: String] {
        var settings = bareEnvironment
        settings["REDIS_URL"] = redisURL
        settings["WORKERS"] = "1"
        settings["DRAIN_SECONDS"] = "0"
        // Scenes send as fast as they can.
        settings["MESSAGES_PER_SECOND"] = "100000"
        settings["PRESENCE_GRACE_SECONDS"] = "0.5"
        // What it leaves in somebody else's Redis goes soon.
        settings["HISTORY_TTL_SECONDS"] = "60"
        settings["INBOX_TTL_SECONDS"] = "60"
        settings["SESSION_TTL_SECONDS"] = "60"
        settings["DEDUPE_WINDOW_SECONDS"] = "60"
        if ownsRedis {
            // So that a dead node is missed soon. Nodes of others with a longer heartbeat would be missed in between.
            settings["NODE_HEARTBEAT_SECONDS"] = "1"
            settings["NODE_EXPIRY_SECONDS"] = "2.5"
        } else {
            for name in ["REDIS_TIMEOUT", "NODE_HEARTBEAT_SECONDS", "NODE_EXPIRY_SECONDS"] {
                settings[name] = variables[name]
            }
        }
        return settings
    }
}
