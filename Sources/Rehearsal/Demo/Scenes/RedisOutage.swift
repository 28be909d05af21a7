import NetworkIO
import Toolkit

/// Redis goes and comes back while everybody talks.
struct RedisOutage: Scene {
    private static let perSecond = 100
    private static let talkBefore = 50
    private static let talkWithout = 100

    let title = "6 Redis goes and comes back"
    let explanation = [
        "redis-server gets kill -9 while all clients talk. Each node goes on",
        "alone: messages are delivered without a place (provisional), acked as \"local\".",
        "When Redis is back they get their places (confirm), and reach all others too.",
    ]
    let nodesMin = 1
    let stopsRedis = true

    func show(_ play: Play) throws {
        guard let redis = play.cluster.redis else { preconditionFailure("shown with a Redis of the demo's own only") }
        let (cast, cluster) = (play.cast, play.cluster)
        try play.enterClients()
        try play.step("they talk, \(Self.perSecond) messages per second") {
            cast.beginTalk(perSecond: Self.perSecond)
            try cast.wait(forTalk: Self.talkBefore)
            return ""
        }
        try play.step("kill -9 redis-server; every node: degraded") {
            try redis.server.kill()
            try cast.wait("degraded", seconds: 10) { try cluster.allAre(inMode: "degraded") }
            return ""
        }
        try play.step("they talk on") {
            try cast.wait(forTalk: Self.talkWithout)
            let (acked, shown) = cast.members.reduce((0, 0)) {
                ($0.0 + $1.outage.localAcks, $0.1 + $1.outage.provisional)
            }
            guard acked > 0 else { throw SceneFault("nothing was acked as \"local\"") }
            return "\(acked) acked \"local\", \(shown) deliveries provisional"
        }
        try play.step("redis-server is started again; every node: cluster") {
            try redis.startAgain()
            try cast.wait("cluster", seconds: 20) { try cluster.allAre(inMode: "cluster") }
            return ""
        }
        try play.step("what was kept is committed") {
            try cast.wait(forTalk: Self.talkBefore)
            try cast.settle(seconds: 20)
            let (acked, shown, confirmed) = cast.members.reduce((0, 0, 0)) {
                ($0.0 + $1.outage.localAcks, $0.1 + $1.outage.provisional, $0.2 + $1.outage.confirmed)
            }
            guard confirmed == acked + shown else {
                throw SceneFault("\(confirmed) confirmed of \(acked + shown)")
            }
            return "\(confirmed) confirmed"
        }
        try play.stepOfTruth()
        try cast.leave(cast.members)
    }
}
