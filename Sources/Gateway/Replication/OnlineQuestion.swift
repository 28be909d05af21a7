import Core

/// A worker's question to the other nodes: who is online there, above a cursor by id?
struct OnlineQuestion: Equatable {
    /// One worker of every node listens to it.
    static let channel = Array("sluice:online".utf8)
    /// Begins a question; the digit is its format.
    private static let mark = "?1"
    /// Where it is answered.
    let answerChannel: String
    let number: Int
    /// The run of the node that asks.
    let boot: String
    let cursor: Identifier?
    /// 1 … 500.
    let limit: Int

    init(answerChannel: String, number: Int, boot: String, after cursor: Identifier?, limit: Int) {
        self.answerChannel = answerChannel
        self.number = number
        self.boot = boot
        self.cursor = cursor
        self.limit = limit
    }

    var payload: [UInt8] {
        let lines = [Self.mark, answerChannel, String(number), boot, String(limit), cursor?.text ?? ""]
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// Reads it; nil when it is none, or of another format.
    init?(_ payload: [UInt8]) {
        let lines = String(decoding: payload, as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count == 6, lines[0] == Self.mark, let number = Int(lines[2]), let limit = Int(lines[4]),
            (1...500).contains(limit)
        else { return nil }
        let cursor = Identifier(validating: lines[5])
        guard cursor != nil || lines[5].isEmpty else { return nil }
        self.init(answerChannel: lines[1], number: number, boot: lines[3], after: cursor, limit: limit)
    }
}

/// A node's answer to it: the question's number, its run, and for each user a line with the user, a line with the
/// number of devices, and a line with the nodes and tabs between them. Names contain neither.
struct OnlineAnswer: NodeAnswer, Equatable {
    let question: Int
    let boot: String
    let users: [OnlineUser]

    init(question: Int, boot: String, users: [OnlineUser]) {
        self.question = question
        self.boot = boot
        self.users = users
    }

    var payload: [UInt8] {
        var lines = [String(question), boot]
        for user in users { lines += [user.user.text, String(user.devices), user.nodes.joined(separator: "\t")] }
        return Array(lines.joined(separator: "\n").utf8)
    }

    init?(_ payload: [UInt8]) {
        let lines = String(decoding: payload, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 2, lines.count % 3 == 2, let question = Int(lines[0]) else { return nil }
        var users: [OnlineUser] = []
        for start in stride(from: 2, to: lines.count, by: 3) {
            guard let user = Identifier(validating: String(lines[start])), let devices = Int(lines[start + 1]),
                devices > 0
            else { return nil }
            let nodes = lines[start + 2].split(separator: "\t").map(String.init)
            users.append(OnlineUser(user: user, devices: devices, nodes: nodes))
        }
        self.init(question: question, boot: String(lines[1]), users: users)
    }
}

/// A node's answer to an operator's order about a user: how many of the user's connections there did it.
struct OrderAnswer: NodeAnswer, Equatable {
    let question: Int
    let boot: String
    let connections: Int

    init(question: Int, boot: String, connections: Int) {
        self.question = question
        self.boot = boot
        self.connections = connections
    }

    var payload: [UInt8] { Array([String(question), boot, String(connections)].joined(separator: "\n").utf8) }

    init?(_ payload: [UInt8]) {
        let lines = String(decoding: payload, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 3, let question = Int(lines[0]), let connections = Int(lines[2]), connections >= 0 else {
            return nil
        }
        self.init(question: question, boot: String(lines[1]), connections: connections)
    }
}
