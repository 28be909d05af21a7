import ClusterState
import Core
import Rooms

/// A worker's question to the other nodes: where do the entries of a former epoch of a room stand in its present one?
struct ForkQuestion: Equatable {
    /// All workers of all nodes listen to it; the room's home on each node answers.
    static let channel = Array("sluice:forks".utf8)
    /// Begins a question; the digit is its format.
    private static let mark = "?1"
    /// Where it is answered.
    let answerChannel: String
    let number: Int
    /// The run of the node that asks.
    let boot: String
    let room: Identifier
    /// The epoch in which the answer must be.
    let present: String
    let former: String

    /// Whether a client's word can name an epoch that a node has made.
    static func canName(_ epoch: String) -> Bool {
        1...EpochName.byteCountMax ~= epoch.utf8.count && epoch.utf8.allSatisfy { 0x21...0x7E ~= $0 }
    }

    var payload: [UInt8] {
        let lines = [Self.mark, answerChannel, String(number), boot, room.text, present, former]
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// Reads it; nil when it is none, or of another format.
    init?(_ payload: [UInt8]) {
        let lines = String(decoding: payload, as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count == 7, lines[0] == Self.mark, let number = Int(lines[2]),
            let room = Identifier(validating: lines[4])
        else { return nil }
        self.init(
            answerChannel: lines[1], number: number, boot: lines[3], room: room, present: lines[5], former: lines[6])
    }

    init(answerChannel: String, number: Int, boot: String, room: Identifier, present: String, former: String) {
        self.answerChannel = answerChannel
        self.number = number
        self.boot = boot
        self.room = room
        self.present = present
        self.former = former
    }
}

/// A node's answer to it.
struct ForkAnswer: NodeAnswer, Equatable {
    let question: Int
    let boot: String
    /// The present epoch of the room on that node, to which the map leads; empty: the room is not there.
    let epoch: String
    let map: FormerMap

    init(question: Int, boot: String, epoch: String, map: FormerMap) {
        self.question = question
        self.boot = boot
        self.epoch = epoch
        self.map = map
    }

    var payload: [UInt8] { Array([String(question), boot, epoch, map.text].joined(separator: "\n").utf8) }

    init?(_ payload: [UInt8]) {
        let lines = String(decoding: payload, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 4, let question = Int(lines[0]), let map = FormerMap(text: lines[3]) else { return nil }
        self.init(question: question, boot: String(lines[1]), epoch: String(lines[2]), map: map)
    }
}
