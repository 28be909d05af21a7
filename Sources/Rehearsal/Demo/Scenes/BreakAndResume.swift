import NetworkIO
import Toolkit

/// A client whose network breaks comes back on another node, and has missed nothing.
struct BreakAndResume: Scene {
    private static let unackedAtBreak = 5
    private static let awayMilliseconds = 500

    let title = "2 Break and resume elsewhere"
    let explanation = [
        "ann loses the connection while messages of her own are under way. She comes",
        "back on another node with the position that she had (since, epoch), gets what",
        "she missed, and sends again what was not acked, under the same ids.",
    ]
    let nodesMin = 2

    func show(_ play: Play) throws {
        let (cast, nodes) = (play.cast, play.cluster.nodes)
        let ann = cast.add("ann", at: nodes[0])
        let bob = cast.add("bob", at: nodes[1])
        try play.step("ann on \(ann.node.name), bob on \(bob.node.name)") {
            try cast.enter([ann, bob])
            cast.beginTalk(perSecond: 200)
            try cast.wait(forTalk: 50)
            return ""
        }
        try play.step("ann's connection breaks") {
            cast.hush()
            cast.say(Self.unackedAtBreak, by: ann)
            play.stage.sendNow()
            ann.cut()
            let before = cast.saidCount
            let end = Clock.monotonicMilliseconds() + Self.awayMilliseconds
            while Clock.monotonicMilliseconds() < end {
                cast.say(2, by: bob)
                try play.stage.pause(milliseconds: 10)
            }
            return "she misses \(cast.saidCount - before), \(ann.unacked.count) of hers are not acked"
        }
        try play.step("ann comes back") {
            ann.comesBack = true
            try ann.connect(to: nodes[nodes.count > 2 ? 2 : 1])
            try cast.wait("ann in the room", seconds: 10) { ann.isIn }
            guard ann.entrance.isRecovered else {
                throw SceneFault("\(ann.node.name) could not replay what she missed")
            }
            return "\(ann.entrance.missed) messages replayed by \(ann.node.name)"
        }
        try play.step("both talk on") {
            cast.beginTalk(perSecond: 200)
            try cast.wait(forTalk: 50)
            return ""
        }
        try play.stepOfTruth()
        try cast.leave(cast.members)
    }
}
