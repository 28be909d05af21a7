/// One user on three devices on three nodes.
struct ManyDevices: Scene {
    private static let names = ["phone", "laptop", "tablet"]
    private static let toAnn = 30
    private static let fromAnn = 10

    let title = "3 One user on three devices"
    let explanation = [
        "ann's phone, laptop and tablet are on different nodes. They hear of each other",
        "(device), and all get what bob writes to her directly; what she writes on one",
        "shows on the others too.",
    ]
    let nodesMin = 2

    func show(_ play: Play) throws {
        let (cast, nodes) = (play.cast, play.cluster.nodes)
        let devices = Self.names.enumerated().map { index, name in
            cast.add("ann", device: name, deviceType: name, at: nodes[index % nodes.count])
        }
        let bob = cast.add("bob", at: nodes[nodes.count - 1])
        try play.step("they connect") {
            for device in devices { try cast.enter([device]) }
            try cast.enter([bob])
            return devices.map { "\($0.device) on \($0.node.name)" }.joined(separator: ", ")
        }
        try play.step("phone and laptop hear of those that came later") {
            try cast.wait("the device frames", seconds: 5) {
                devices[0].otherDevices["laptop"] == true && devices[0].otherDevices["tablet"] == true
                    && devices[1].otherDevices["tablet"] == true
            }
            return ""
        }
        try play.step("\(Self.toAnn) direct messages from bob, \(Self.fromAnn) to him from the phone") {
            cast.say(Self.toAnn, by: bob, to: devices[0].user)
            cast.say(Self.fromAnn, by: devices[0], to: bob.user)
            try cast.settle()
            return ""
        }
        try play.step("the tablet goes, the others hear of it") {
            try cast.leave([devices[2]])
            try cast.wait("the device frames", seconds: 5) {
                devices[..<2].allSatisfy { $0.otherDevices["tablet"] == false }
            }
            return ""
        }
        try play.stepOfTruth()
        try cast.leave([devices[0], devices[1], bob])
    }
}
