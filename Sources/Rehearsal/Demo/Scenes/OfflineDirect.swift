import Toolkit

/// A direct message waits for a user who is away.
struct OfflineDirect: Scene {
    private static let messages = 20

    let title = "4 A direct message waits"
    let explanation = [
        "ann writes to bob, who is away. The messages wait in his inbox; he gets them",
        "when he connects, to whichever node, and not again once his app has said that",
        "they are processed.",
    ]
    let nodesMin = 2

    func show(_ play: Play) throws {
        let (cast, nodes) = (play.cast, play.cluster.nodes)
        let ann = cast.add("ann", at: nodes[0])
        let bob = cast.add("bob", at: nodes[1])
        try play.step("ann on \(ann.node.name) writes \(Self.messages) messages to bob") {
            try cast.enter([ann])
            cast.say(Self.messages, by: ann, to: bob.user)
            try cast.wait("the acks", seconds: 10) { ann.unacked.isEmpty }
            return ""
        }
        try play.step("bob connects to \(bob.node.name)") {
            try cast.enter([bob])
            try cast.wait("\(Self.messages) direct messages", seconds: 10) {
                bob.inboxView.count == Self.messages
            }
            guard bob.entrance.pending == Self.messages else {
                throw SceneFault("welcome said that \(bob.entrance.pending) of \(Self.messages) are pending")
            }
            return "\(bob.entrance.pending) were waiting"
        }
        let other = nodes[nodes.count > 2 ? 2 : 0]
        try play.step("his app says that they are processed (inbox_ack)") {
            bob.ackInbox()
            try cast.wait("an empty inbox on \(other.name)", seconds: 10) {
                try other.pendingDirects(of: bob.user) == 0
            }
            try cast.leave([bob])
            return ""
        }
        try play.step("bob connects to \(other.name)") {
            try bob.connect(to: other)
            try cast.wait("bob in the room", seconds: 10) { bob.isIn }
            bob.ping()
            try cast.wait("an answer to bob", seconds: 10) { bob.pongs == 1 }
            guard bob.entrance.pending == 0 else {
                throw SceneFault("welcome says that \(bob.entrance.pending) are pending")
            }
            return "nothing waits, nothing comes again"
        }
        try play.stepOfTruth()
        try cast.leave(cast.members)
    }
}
