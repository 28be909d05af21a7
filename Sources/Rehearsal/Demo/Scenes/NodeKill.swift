import NetworkIO
import Toolkit

/// A node is killed; its clients go on elsewhere.
struct NodeKill: Scene {
    private static let perSecond = 100
    private static let talkBefore = 50
    private static let talkAfter = 50
    /// Two heartbeats and the expiry of a node with the settings that a node has by default, and some to spare.
    private static let expirySecondsMax = 20

    let title = "5 A node is killed"
    let explanation = [
        "While all clients talk, one node gets kill -9. Its clients come back on the",
        "others and send again what was not acked. Nothing may be lost.",
    ]
    let nodesMin = 2

    func show(_ play: Play) throws {
        let (cast, cluster) = (play.cast, play.cluster)
        try play.enterClients()
        try play.step("they talk, \(Self.perSecond) messages per second") {
            cast.beginTalk(perSecond: Self.perSecond)
            try cast.wait(forTalk: Self.talkBefore)
            return ""
        }
        let victim = cast.members[0].node
        let homeless = cast.members.filter { $0.node === victim }
        for member in cast.members { member.comesBack = true }
        let killedAt = Clock.monotonicMilliseconds()
        try play.step("kill -9 \(victim.name)") {
            try victim.server.kill()
            try cast.wait("all clients in the room", seconds: 10) {
                cast.members.allSatisfy { $0.isIn && $0.node !== victim }
            }
            let nodes = cluster.nodes.filter { node in homeless.contains { $0.node === node } }.map(\.name)
            return "\(Figures.count(homeless.count, "client")) back on \(nodes.joined(separator: ", ")), "
                + "\(homeless.reduce(0) { $0 + $1.entrance.missed }) messages replayed"
        }
        try play.step("they talk on") {
            try cast.wait(forTalk: Self.talkAfter)
            return ""
        }
        try play.stepOfTruth()
        try play.step("GET /api/nodes of the others forgets \(victim.name)") {
            try cast.wait("its expiry", seconds: Self.expirySecondsMax) {
                try cluster.up.allSatisfy { try $0.nodes().map { $0[victim.name] == nil } ?? false }
            }
            return "\(Figures.duration(Clock.monotonicMilliseconds() - killedAt)) after the kill"
        }
        try play.step("\(victim.name) is started again, and the others see it") {
            try cluster.start([victim])
            try cast.wait("\(victim.name) up for all", seconds: Self.expirySecondsMax) {
                try cluster.up.allSatisfy { try $0.nodes()?[victim.name] == "up" }
            }
            return ""
        }
        try cast.leave(cast.members)
    }
}
