/// All clients on all nodes see all messages in one order.
struct OneOrder: Scene {
    /// In all, of all clients.
    private static let messages = 500

    let title = "1 One order over all nodes"
    let explanation = [
        "Clients on different nodes talk in one room, all at once. Every client must",
        "see every message, in one and the same order.",
    ]
    let nodesMin = 1

    func show(_ play: Play) throws {
        let cast = play.cast
        try play.enterClients()
        let each = max(1, Self.messages / cast.members.count)
        for member in cast.members { cast.say(each, by: member) }
        try play.step("\(cast.saidCount) messages sent at once, all acked as committed") {
            try cast.wait("the acks", seconds: 15) { cast.ackedCount == cast.saidCount }
            return ""
        }
        try play.stepOfTruth()
        try cast.leave(cast.members)
    }
}
