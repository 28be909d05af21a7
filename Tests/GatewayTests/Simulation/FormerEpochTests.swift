import ClusterState
import Core
import Rooms
import Testing

@testable import Gateway

/// Nodes over one store of which each goes on only when the test says so, and clients that behave as the contract says.
private final class FormerEpochSetting {
    let cluster: SimulatedCluster
    let nodes: [SimulatedNode]
    private(set) var now = 1_000_000
    private var keys: UInt64 = 0

    init(nodes count: Int) throws {
        let cluster = SimulatedCluster(nodes: count)
        nodes = try (0..<count).map { try SimulatedNode($0, link: cluster.links[$0], at: 1_000_000) }
        self.cluster = cluster
        SimulatedNode.introduce(nodes)
    }

    deinit { for node in nodes { node.end() } }

    func client(_ number: Int, at node: Int) -> SimulatedClient {
        let client = SimulatedClient(number, user: number, rooms: ["r"], wantsEcho: false)
        connect(client, to: node)
        return client
    }

    func connect(_ client: SimulatedClient, to node: Int) {
        keys += 1
        client.connect(to: nodes[node], key: keys, at: now)
    }

    /// These nodes and clients go on until nothing moves.
    func settle(_ numbers: [Int], _ clients: [SimulatedClient]) {
        var isMoving = true
        while isMoving {
            isMoving = false
            for node in numbers.map({ nodes[$0] }) {
                while !node.link.isIdle {
                    node.link.runNext()
                    node.link.answerNext()
                    node.link.noticeNext()
                    node.endTurn()
                    isMoving = true
                }
                for connection in node.connections where connection.hasInput {
                    connection.takeInput()
                    isMoving = true
                }
                node.endTurn()
            }
            for client in clients {
                while client.take(at: now, isLedBlindly: false) != nil { isMoving = true }
            }
        }
    }

    /// Time passes in steps, and after each everything goes on.
    func passTime(_ milliseconds: Int, _ numbers: [Int], _ clients: [SimulatedClient]) {
        for _ in 0..<milliseconds / 50 {
            now += 50
            cluster.microseconds = SimulatedCluster.firstMicroseconds + now * 1000
            for number in numbers { nodes[number].timePassed(to: now) }
            settle(numbers, clients)
        }
    }

    /// A client sees an epoch that only node 0 followed, and leaves; node 1 then begins one without knowing of that.
    func forkTwice() -> (leaver: SimulatedClient, stayer: SimulatedClient) {
        let (leaver, stayer) = (client(0, at: 0), client(1, at: 1))
        let all = Array(nodes.indices)
        settle(all, [leaver, stayer])
        passTime(500, all, [leaver, stayer])
        leaver.say(in: "r", at: now)
        settle(all, [leaver, stayer])
        cluster.restartEmpty()
        leaver.say(in: "r", at: now)
        settle([0], [leaver])
        passTime(500, [0], [leaver])
        leaver.say(in: "r", at: now)
        settle([0], [leaver])
        leaver.drop(arriving: 0)
        cluster.restartEmpty()
        nodes[1].link.interruptSubscriptions()
        stayer.say(in: "r", at: now)
        settle([1], [stayer])
        passTime(500, [1], [stayer])
        return (leaver, stayer)
    }
}

@Suite("Positions of epochs that their node never knew")
struct FormerEpochTests {
    private func repetitions(_ client: SimulatedClient) -> Int { client.views["r"]?.repetitions.count ?? -1 }

    private func check(_ clients: [SimulatedClient]) {
        for client in clients {
            #expect(client.violations + (client.views["r"]?.violations ?? []) == [])
            #expect(client.isAnswered && client.isJoined("r"))
        }
        #expect(Set(clients.map { $0.views["r"]?.position }).count == 1)
    }

    @Test("Who comes with one is led over, as another node knows it", arguments: [2, 3])
    func ledOver(count: Int) throws {
        let setting = try FormerEpochSetting(nodes: count)
        let (leaver, stayer) = setting.forkTwice()
        let epoch = leaver.views["r"]?.position?.epoch
        #expect(epoch != stayer.views["r"]?.position?.epoch)
        setting.connect(leaver, to: 1)
        let all = Array(setting.nodes.indices)
        setting.settle(all, [leaver, stayer])
        setting.passTime(3_000, all, [leaver, stayer])
        check([leaver, stayer])
        #expect(repetitions(leaver) == 0 && repetitions(stayer) == 0)
        #expect(leaver.views["r"]?.places["c1-1"]?.count == 1)
        #expect(stayer.views["r"]?.places.count == 4)
    }

    @Test("Who comes with an epoch of which nobody knows hears of a gap once all have said so, and all that there is")
    func unknown() throws {
        let setting = try FormerEpochSetting(nodes: 3)
        let (leaver, stayer) = setting.forkTwice()
        let all = Array(setting.nodes.indices)
        setting.settle(all, [leaver, stayer])
        // All nodes have been known for long.
        setting.passTime(3_000, all, [leaver, stayer])
        let stranger = SimulatedClient(
            9, user: 9, rooms: ["r"], wantsEcho: false, position: Position(epoch: "x", seq: 3))
        setting.connect(stranger, to: 1)
        // No time passes.
        setting.settle(all, [stranger, stayer])
        check([stranger, stayer])
        #expect(stranger.views["r"]?.places.count == 4 && stranger.views["r"]?.gaps.map(\.reason) == ["epoch_changed"])
    }

    @Test("A node that is silent is waited for a while; only who needs its answer waits, and the room goes on")
    func silent() throws {
        let setting = try FormerEpochSetting(nodes: 3)
        let (leaver, stayer) = setting.forkTwice()
        setting.connect(leaver, to: 1)
        setting.settle([1, 2], [leaver, stayer])
        #expect(!leaver.isJoined("r"))
        stayer.say(in: "r", at: setting.now)
        setting.settle([1, 2], [leaver, stayer])
        #expect(stayer.isAnswered && !leaver.isJoined("r"))
        let newcomer = setting.client(2, at: 1)
        setting.settle([1, 2], [newcomer, leaver, stayer])
        #expect(newcomer.isJoined("r") && !leaver.isJoined("r"))
        setting.passTime(1_000, [1, 2], [newcomer, leaver, stayer])
        #expect(!leaver.isJoined("r"))
        setting.passTime(2_000, [1, 2], [newcomer, leaver, stayer])
        check([newcomer, leaver, stayer])
        // The name of its epoch says from what that came, so nothing comes again.
        #expect(repetitions(leaver) == 0 && leaver.views["r"]?.gaps.last?.reason == "epoch_changed")
    }

    @Test("A node that finds a message committed anew says where it stood, and that outlives it")
    func outlives() throws {
        let setting = try FormerEpochSetting(nodes: 2)
        let (author, leaver) = (setting.client(0, at: 0), setting.client(1, at: 0))
        setting.settle([0, 1], [author, leaver])
        setting.passTime(500, [0, 1], [author, leaver])
        author.say(in: "r", at: setting.now)
        setting.settle([0, 1], [author, leaver])
        for client in [author, leaver] { client.drop(arriving: 0) }
        setting.cluster.restartEmpty()
        // The author comes without a position, and says the same under the same id.
        let again = setting.client(0, at: 1)
        setting.settle([1], [again])
        setting.passTime(500, [1], [again])
        again.say(in: "r", at: setting.now)
        setting.settle([1], [again])
        #expect(again.isAnswered)
        // Node 0 hears of it, finds its message there, and is not heard of again.
        setting.settle([0, 1], [again])
        setting.passTime(3_000, [0, 1], [again])
        setting.connect(leaver, to: 1)
        setting.passTime(4_000, [1], [again, leaver])
        check([again, leaver])
        #expect(repetitions(leaver) == 0 && leaver.views["r"]?.places.count == 1)
    }

    @Test("What a node has kept is committed, though its id stands for a place that the store has lost")
    func keptUnderLostPlace() throws {
        let setting = try FormerEpochSetting(nodes: 2)
        let author = setting.client(0, at: 0)
        setting.settle([0, 1], [author])
        setting.passTime(500, [0, 1], [author])
        // Its commit is run, and nobody hears of that.
        author.say(in: "r", at: setting.now)
        let node = setting.nodes[0]
        for connection in node.connections where connection.hasInput { connection.takeInput() }
        node.endTurn()
        node.link.disconnect(running: 3)
        node.storeWentAway(until: setting.now + 1_000)
        node.endTurn()
        setting.settle([], [author])
        #expect(author.views["r"]?.kept == ["c0-1"])
        // The log goes, and the id stays.
        let keys = LogKeys(room: Identifier(unchecked: "r"))
        setting.cluster.memory.perform(.delete(keys: [keys.place, keys.entries])) { _ in }
        let other = setting.client(1, at: 1)
        setting.settle([1], [other])
        setting.passTime(500, [1], [other])
        setting.passTime(5_000, [0, 1], [author, other])
        check([author, other])
        #expect(other.views["r"]?.places["c0-1"]?.count == 1)
    }

    @Test("Questions and answers mean the same when they are read; no payload breaks them")
    func payloads() {
        var map = FormerMap()
        for seq in [3, 4, 9] as [UInt64] { map.append(seq, at: seq + 10) }
        let question = ForkQuestion(
            answerChannel: "a:b", number: 7, boot: "b", room: Identifier(unchecked: "r o"), present: "p-1",
            former: "f-1")
        let answers = [map, FormerMap()].map {
            ForkAnswer(question: 7, boot: "b", epoch: $0.isEmpty ? "" : "p", map: $0)
        }
        #expect(ForkQuestion(question.payload) == question)
        for answer in answers { #expect(ForkAnswer(answer.payload) == answer) }
        let broken = ["?2\na\n7\nb\nr\np\nf", "?1\na\nx\nb\nr\np\nf", "?1\na\n7\nb\n..\np\nf", "7\nb\ne\nx"]
        for text in broken + ["", "?1"] {
            #expect(ForkQuestion(Array(text.utf8)) == nil && ForkAnswer(Array(text.utf8)) == nil, "\(text)")
        }
        #expect(ForkQuestion.canName("n0-1") && !ForkQuestion.canName("") && !ForkQuestion.canName("a b"))
        #expect(!ForkQuestion.canName("a\nb") && !ForkQuestion.canName(String(repeating: "a", count: 129)))
    }
}
