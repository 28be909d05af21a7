import ClusterState
import Core
import Rooms
import Testing

@testable import Gateway

@Suite("Members are led from where they stand to where the room is")
struct MemberPlacingTests {
    private static let room = Identifier(unchecked: "r")

    /// A few nodes and two clients, in simulated time, without chance.
    fileprivate final class Scene {
        let cluster: SimulatedCluster
        let nodes: [SimulatedNode]
        let (ann, bob) = (
            SimulatedClient(0, user: 0, rooms: ["r"], wantsEcho: false),
            SimulatedClient(1, user: 1, rooms: ["r"], wantsEcho: false)
        )
        private(set) var now = 1_000_000
        private var keys: UInt64 = 0
        /// Frames that the clients took, in order.
        private(set) var frames: [String: [String]] = [:]
        /// A node to which the store's answers to reads do not come.
        var unanswered: Int?

        init(nodes count: Int = 2) throws {
            let (cluster, now) = (SimulatedCluster(nodes: count), now)
            self.cluster = cluster
            nodes = try (0..<count).map { try SimulatedNode($0, link: cluster.links[$0], at: now) }
        }

        deinit { for node in nodes { node.end() } }

        func connect(_ client: SimulatedClient, to node: Int) {
            keys += 1
            client.connect(to: nodes[node], key: keys, at: now)
        }

        func pass(_ milliseconds: Int) {
            for _ in 0..<milliseconds / 250 {
                now += 250
                cluster.microseconds = SimulatedCluster.firstMicroseconds + now * 1000
                for node in nodes { node.timePassed(to: now) }
                run()
            }
        }

        /// Everything goes on until nothing is left to do.
        func run(takes: Bool = true) {
            while step(takes) {}
        }

        private func step(_ takes: Bool) -> Bool {
            var isDone = true
            for node in nodes {
                let link = node.link
                if !link.requestLanes.isEmpty || link.hasNotices { isDone = false }
                link.runNext()
                link.noticeNext()
                let lanes = link.answerLanes.filter { node.number != unanswered || $0 != .reads }
                if let lane = lanes.first {
                    isDone = false
                    link.answerNext(in: lane)
                }
                for connection in node.connections where connection.hasInput {
                    isDone = false
                    connection.takeInput()
                }
                node.endTurn()
            }
            for client in [ann, bob] where takes && take(client) { isDone = false }
            return !isDone
        }

        /// A client takes its next frame.
        @discardableResult
        func take(_ client: SimulatedClient) -> Bool {
            guard let text = client.take(at: now, isLedBlindly: false) else { return false }
            frames[client.name, default: []].append(text)
            return true
        }

        func takeAll(of client: SimulatedClient, type: String) -> [String] {
            frames[client.name, default: []].filter { $0.contains("\"type\":\"\(type)\"") }
        }
    }

    @Test("A message that its author has had and sends again to a node that is behind is acked all the same")
    func acksOwed() throws {
        let scene = try Scene()
        scene.connect(scene.ann, to: 0)
        scene.connect(scene.bob, to: 1)
        scene.pass(2_000)
        scene.nodes[1].link.disconnect(running: 0)
        scene.nodes[1].storeWentAway(until: scene.now + 250)
        scene.ann.say(in: "r", at: scene.now)
        scene.run(takes: false)
        // The ack is lost; the next connection gets the message, and ends before the second ack.
        scene.ann.drop(arriving: 0)
        scene.connect(scene.ann, to: 0)
        scene.run(takes: false)
        while scene.ann.views["r"]?.places["c0-1"] == nil { try #require(scene.take(scene.ann)) }
        scene.ann.drop(arriving: 0)
        #expect(scene.ann.pending["r"] == ["c0-1"])
        // The other node gets no answers yet, and lets the client in after a while.
        scene.unanswered = 1
        scene.pass(1_000)
        scene.connect(scene.ann, to: 1)
        scene.pass(12_000)
        #expect(scene.takeAll(of: scene.ann, type: "joined_room").last?.contains(#""pending":true"#) == true)
        #expect(scene.ann.pending["r"] == ["c0-1"])
        scene.unanswered = nil
        scene.pass(2_000)
        #expect(scene.ann.isAnswered && scene.ann.views["r"]?.violations == [])
        #expect(scene.takeAll(of: scene.ann, type: "ack").last?.contains(#""duplicate":true"#) == true)
    }

    @Test("Who comes with a position of a lost history gets what it has not seen, and nothing twice")
    func ledOver() throws {
        let scene = try Scene()
        scene.connect(scene.ann, to: 0)
        scene.connect(scene.bob, to: 1)
        scene.pass(2_000)
        for _ in 0..<2 { scene.ann.say(in: "r", at: scene.now) }
        scene.pass(1_000)
        scene.bob.drop(arriving: 0)
        scene.ann.say(in: "r", at: scene.now)
        scene.pass(250)
        scene.cluster.restartEmpty()
        scene.pass(6_000)
        scene.connect(scene.bob, to: 1)
        scene.pass(4_000)
        let view = try #require(scene.bob.views["r"])
        #expect(view.violations == [] && view.repetitions.isEmpty)
        #expect(Set(view.places.keys) == ["c0-1", "c0-2", "c0-3"])
        #expect(scene.takeAll(of: scene.bob, type: "gap").map { $0.contains("epoch_changed") } == [true])
        #expect(view.position == scene.ann.views["r"]?.position)
    }

    @Test("Who was led into an epoch that nobody else followed is not given what it had before that")
    func ledByItsName() throws {
        let scene = try Scene(nodes: 3)
        scene.connect(scene.ann, to: 0)
        scene.connect(scene.bob, to: 2)
        scene.pass(2_000)
        for _ in 0..<3 { scene.ann.say(in: "r", at: scene.now) }
        scene.pass(1_000)
        let first = try #require(scene.bob.views["r"]?.position)
        for node in 0..<2 {
            scene.nodes[node].link.disconnect(running: 0)
            scene.nodes[node].storeWentAway(until: scene.now + 8_000)
        }
        scene.cluster.restartEmpty()
        scene.pass(7_000)
        let second = try #require(scene.bob.views["r"]?.position)
        #expect(second.epoch != first.epoch)
        // That epoch is lost with the only node that followed it.
        scene.bob.drop(arriving: 0)
        scene.nodes[2].link.disconnect(running: 0)
        scene.nodes[2].storeWentAway(until: .max)
        scene.cluster.restartEmpty()
        scene.ann.say(in: "r", at: scene.now)
        scene.pass(6_000)
        scene.connect(scene.bob, to: 0)
        scene.pass(6_000)
        let view = try #require(scene.bob.views["r"])
        #expect(view.violations == [] && view.repetitions.map(\.text) == [])
        #expect(Set(view.places.keys) == ["c0-1", "c0-2", "c0-3", "c0-4"])
        #expect(view.position == scene.ann.views["r"]?.position)
    }

    @Test("A new node at a store that lost all waits for nodes of which it can't know yet, before it leads anybody")
    func waitsForUnknownNodes() throws {
        let scene = try Scene(nodes: 3)
        scene.connect(scene.ann, to: 0)
        scene.connect(scene.bob, to: 1)
        scene.pass(2_000)
        for _ in 0..<3 { scene.ann.say(in: "r", at: scene.now) }
        scene.pass(1_000)
        scene.bob.drop(arriving: 0)
        scene.cluster.restartEmpty()
        for (node, away) in [(0, 1_500), (1, 60_000), (2, 250)] {
            scene.nodes[node].link.disconnect(running: 0)
            scene.nodes[node].storeWentAway(until: scene.now + away)
        }
        scene.connect(scene.bob, to: 2)
        scene.pass(1_000)
        let lost = try #require(scene.bob.views["r"]?.position)
        #expect(lost.seq == 3 && scene.takeAll(of: scene.bob, type: "gap").isEmpty)
        scene.pass(5_000)
        let view = try #require(scene.bob.views["r"])
        #expect(view.violations == [] && view.repetitions.map(\.text) == [])
        #expect(view.position?.epoch != lost.epoch && view.position == scene.ann.views["r"]?.position)
    }

    @Test("What the store lost in the middle of a history leaves a hole there, and all before it")
    func hole() throws {
        let scene = try Scene()
        scene.connect(scene.ann, to: 0)
        scene.connect(scene.bob, to: 1)
        scene.pass(2_000)
        for _ in 0..<3 {
            scene.ann.say(in: "r", at: scene.now)
            scene.pass(1_000)
        }
        // Both nodes lose their connections, and the store the last commit.
        for node in scene.nodes {
            node.link.disconnect(running: 0)
            node.storeWentAway(until: scene.now + 500)
        }
        while scene.storedNewest == 3 { scene.cluster.lose(last: 1) }
        scene.pass(8_000)
        for node in scene.nodes {
            let log = try #require(node.rooms.find(Self.room)).room.log
            let seqs = log.entries(after: 0, countMax: .max, byteCountMax: .max).map(\.seq)
            // The third was committed again.
            #expect(seqs == [1, 2, 4], "node \(node.number)")
        }
        #expect(scene.bob.views["r"]?.violations == [] && scene.ann.views["r"]?.violations == [])
    }

    @Test("What others wrote into a room's stream is no message: its place is a gap, and the room goes on")
    func foreignEntries() throws {
        let scene = try Scene()
        scene.connect(scene.ann, to: 0)
        scene.pass(2_000)
        scene.ann.say(in: "r", at: scene.now)
        scene.pass(1_000)
        let entries = LogKeys(room: Self.room).entries
        let bodies = ["hello", #","id":"x","user":"u""#, #"{"id":"x"}"#]
        for (index, body) in bodies.enumerated() {
            let pair = StorePair(Array("m".utf8), Array(body.utf8))
            let append = StoreOperation.streamAppend(key: entries, id: StreamID(UInt64(2 + index)), pairs: [pair])
            scene.cluster.memory.perform(append, in: .commits) { _ in }
        }
        scene.ann.say(in: "r", at: scene.now)
        scene.pass(6_000)
        #expect(scene.ann.isAnswered)
        // Who comes now has it all read.
        scene.connect(scene.bob, to: 1)
        scene.pass(4_000)
        scene.bob.say(in: "r", at: scene.now)
        scene.pass(4_000)
        for (client, node) in zip([scene.ann, scene.bob], scene.nodes) {
            let view = try #require(client.views["r"])
            #expect(view.violations == [] && client.isAnswered && view.places["x"] == nil)
            let log = try #require(node.rooms.find(Self.room)).room.log
            let seqs = log.entries(after: 0, countMax: .max, byteCountMax: .max).map(\.seq)
            #expect(seqs == [1, 5, 6], "node \(node.number)")
        }
    }

    @Test("Who comes to a node that has passed what the store trimmed hears of no gap behind itself")
    func newcomerBehindGap() throws {
        let scene = try Scene()
        scene.connect(scene.ann, to: 0)
        scene.connect(scene.bob, to: 1)
        scene.pass(2_000)
        scene.ann.say(in: "r", at: scene.now)
        scene.pass(500)
        scene.nodes[1].link.disconnect(running: 0)
        scene.nodes[1].storeWentAway(until: scene.now + 1_000)
        for _ in 0..<2 { scene.ann.say(in: "r", at: scene.now) }
        scene.pass(250)
        scene.cluster.memory.perform(.delete(keys: [LogKeys(room: Self.room).entries]), in: .commits) { _ in }
        scene.pass(3_000)
        scene.ann.drop(arriving: 0)
        scene.connect(scene.ann, to: 1)
        scene.pass(1_000)
        #expect(scene.ann.views["r"]?.violations == [] && scene.bob.views["r"]?.violations == [])
        #expect(scene.takeAll(of: scene.ann, type: "gap") == [])
        #expect(scene.takeAll(of: scene.bob, type: "gap").map { $0.contains("trimmed") } == [true])
    }

    @Test("What a node that is behind shows, and a member has passed, is confirmed at its place, and moves nothing")
    func confirmBehind() throws {
        let scene = try Scene()
        scene.connect(scene.ann, to: 0)
        scene.connect(scene.bob, to: 1)
        scene.pass(2_000)
        scene.nodes[1].link.disconnect(running: 0)
        scene.nodes[1].storeWentAway(until: scene.now + 5_000)
        for _ in 0..<3 { scene.ann.say(in: "r", at: scene.now) }
        scene.pass(500)
        // It goes on at a node that knows nothing of that, and says one of them again.
        scene.ann.drop(arriving: 0)
        scene.connect(scene.ann, to: 1)
        scene.pass(1_000)
        #expect(scene.ann.views["r"]?.position?.seq == 3 && scene.ann.isAnswered)
        scene.ann.say(in: "r", at: scene.now)
        scene.ann.repeatFirst(in: "r")
        scene.pass(1_000)
        #expect(scene.ann.views["r"]?.unconfirmed == ["c0-4", "c0-1"])
        #expect(scene.ann.isAnswered)
        scene.pass(8_000)
        let view = try #require(scene.ann.views["r"])
        #expect(view.violations == [] && view.unconfirmed == [] && view.position?.seq == 4)
        let confirms = scene.takeAll(of: scene.ann, type: "confirm")
        #expect(confirms.map { $0.contains(#""seq":1"#) } == [true, false])
        #expect(scene.bob.views["r"]?.violations == [] && scene.bob.views["r"]?.position?.seq == 4)
    }

    @Test("What a new node shows of a former epoch, and a member has seen, is confirmed in the order of the new one")
    func confirmInOrder() throws {
        let scene = try Scene(nodes: 3)
        scene.connect(scene.ann, to: 0)
        scene.connect(scene.bob, to: 1)
        scene.pass(2_000)
        scene.ann.say(in: "r", at: scene.now)
        for _ in 0..<2 { scene.bob.say(in: "r", at: scene.now) }
        scene.pass(500)
        #expect(scene.bob.views["r"]?.position?.seq == 3)
        // Redis loses all, and both go on at a node that has never heard of the room.
        scene.nodes[2].link.disconnect(running: 0)
        scene.nodes[2].storeWentAway(until: scene.now + 6_000)
        scene.cluster.restartEmpty()
        for client in [scene.ann, scene.bob] {
            client.drop(arriving: 0)
            scene.connect(client, to: 2)
        }
        scene.pass(1_000)
        scene.ann.repeatFirst(in: "r")
        scene.pass(500)
        #expect(scene.bob.views["r"]?.unconfirmed == ["c0-1"])
        scene.pass(12_000)
        let view = try #require(scene.bob.views["r"])
        #expect(view.violations == [] && view.unconfirmed == [])
        let said = try scene.frames[scene.bob.name, default: []].map { try #require(ServerFrame(Array($0.utf8))) }
            .filter { ["gap", "confirm"].contains($0.type) }
        #expect(said.map(\.type) == ["gap", "confirm", "gap"])
        let seqs = said.map { $0.number("next_seq") ?? $0.frames("entries").first?.seq }
        let first = try #require(seqs.first ?? nil)
        #expect(seqs == [first, first, first + 3])
    }

    @Test("Who came without a position to a node that was behind gets what was said since, wherever it stands")
    func newcomers() throws {
        let scene = try Scene()
        scene.nodes[1].link.disconnect(running: 0)
        scene.nodes[1].storeWentAway(until: scene.now + 4_000)
        scene.connect(scene.bob, to: 1)
        scene.pass(1_000)
        let now = scene.now
        // The third was kept elsewhere when bob came, and is committed behind what was said later.
        try scene.commit([("c9-1", now - 3_000), ("c9-2", now), ("c9-3", now - 2_000)])
        scene.bob.say(in: "r", at: now)
        scene.pass(6_000)
        let view = try #require(scene.bob.views["r"])
        #expect(view.violations == [] && view.unconfirmed == [] && scene.bob.isAnswered)
        #expect(view.places.mapValues { $0.map(\.seq) } == ["c9-2": [2], "c9-3": [3], "c1-1": [4]])
        #expect(scene.takeAll(of: scene.bob, type: "gap").map { $0.contains(#""next_seq":2"#) } == [true])
    }

    @Test("A room that is forgotten while the store is asked who is in takes no answer any more")
    func forgotten() throws {
        let scene = try Scene()
        scene.connect(scene.ann, to: 0)
        scene.pass(2_000)
        scene.nodes[0].rooms.checkPresence()
        #expect(scene.nodes[0].link.requestCount > 0)
        _ = scene.nodes[0].rooms.drop(Self.room)
        scene.run()
        #expect(scene.nodes[0].rooms.find(Self.room) == nil)
    }
}

extension MemberPlacingTests.Scene {
    /// The store takes messages of somebody else, each with its id and when it was said.
    /// - Parameter messages: the times are simulated milliseconds.
    fileprivate func commit(_ messages: [(id: String, time: Int)]) throws {
        let (keys, user) = (LogKeys(room: Identifier(unchecked: "r")), Identifier(unchecked: "u9"))
        let terms = LogCommit.Terms(
            epoch: "", newestSeq: 0, name: "e", dedupeMilliseconds: 1 << 40, entriesMax: 100,
            keptMilliseconds: 1 << 40)
        let committed = messages.map { id, time in
            let ts = 1_700_000_000_000 + time
            return LogCommit.Message(
                idKey: keys.id(user: user, id: Array(id.utf8)), time: ts,
                body: Array(#","id":"\#(id)","user":"u9","content":"\#(id)","ts":\#(ts)}"#.utf8))
        }
        var answer: StoreResult?
        cluster.memory.perform(LogCommit.operation(keys, terms, committed), in: .commits) { answer = $0 }
        _ = try #require(answer).get()
    }

    /// The newest seq that the store has of the room.
    fileprivate var storedNewest: Int? {
        var newest: Int?
        let key = LogKeys(room: Identifier(unchecked: "r")).place
        cluster.memory.perform(.hashGet(key: key, field: Array("seq".utf8)), in: .commits) { result in
            if case .success(.bytes(let bytes)) = result { newest = Int(String(decoding: bytes, as: UTF8.self)) }
        }
        return newest
    }
}
