import ClusterState
import Core
import Rooms
import TestSupport
import Testing
import WireProtocol

@testable import Gateway

/// Nodes of a cluster whose store goes and comes.
private final class Nodes {
    let cluster: SimulatedCluster
    private(set) var workers: [TestWorker]
    private var lastKey: UInt64 = 0

    init(_ count: Int, isStoreThere: Bool = true) throws {
        let cluster = SimulatedCluster(nodes: count)
        self.cluster = cluster
        workers = try cluster.links.map { try TestWorker(store: $0) }
        for worker in workers where !isStoreThere { worker.replication?.storeLost() }
        if !isStoreThere { for link in cluster.links { link.disconnect(running: 0) } }
    }

    /// Lets all that is on its way arrive.
    func settle() {
        var idleTurns = 0
        for _ in 0..<1000 {
            for worker in workers { worker.endTurn() }
            var isIdle = true
            for link in cluster.links where !link.isIdle {
                isIdle = false
                link.runNext()
                link.answerNext()
                link.noticeNext()
            }
            idleTurns = isIdle ? idleTurns + 1 : 0
            guard isIdle else { continue }
            // What was kept for the store is sent by the loop's timer; what the store does not take stays.
            let kept = workers.filter { $0.replication?.isStoreAway == false && $0.replication?.outbox.messages != 0 }
            if kept.isEmpty || idleTurns > 3 { return }
            for worker in kept { worker.core.loop.runTurn() }
        }
    }

    func loseStore(of nodes: [Int]? = nil) {
        for node in nodes ?? Array(workers.indices) {
            cluster.links[node].disconnect(running: 0)
            workers[node].replication?.storeLost()
        }
    }

    func returnStore() {
        for (link, worker) in zip(cluster.links, workers) {
            link.reconnect()
            worker.replication?.storeReturned()
        }
        settle()
    }

    /// A connection that was taken in: its facts, and its inbox as the welcome had it.
    func attach(
        _ user: String, _ device: String?, on node: Int
    ) throws -> (info: ConnectionInfo, inbox: WelcomeFrame.InboxState) {
        let (worker, key) = (workers[node], begin(user, device, on: node))
        settle()
        for case (key, .opening(_, .attached(let info, _, let inbox, _))) in worker.sent { return (info, inbox) }
        throw Fault.isNotIn
    }

    enum Fault: Error { case isNotIn }

    func detach(_ info: ConnectionInfo, on node: Int) {
        workers[node].users.received(.detach(info, atOnce: true), of: info.user)
        settle()
    }

    func send(_ id: String, from info: ConnectionInfo, to user: String, on node: Int) {
        let fields = TestWorker.withFields("hello", id: id) { OwnedMessageFields($0) }
        let to = Identifier(unchecked: user)
        let direct = Direct(from: info.user, to: to, sender: info, deviceType: nil, fields: fields)
        workers[node].users.received(.direct(direct, from: info), of: to)
        settle()
    }

    func acknowledge(_ seq: UInt64, _ info: ConnectionInfo, on node: Int) {
        guard let epoch = workers[node].users.find(info.user)?.user.openedInbox?.log.epoch else { return }
        workers[node].users.received(.acknowledgeInbox(Position(epoch: epoch, seq: seq), info), of: info.user)
    }

    /// Lets a part of what is on its way to and from a node arrive.
    func work(_ node: Int) {
        workers[node].endTurn()
        cluster.links[node].runNext()
        cluster.links[node].answerNext()
        cluster.links[node].noticeNext()
    }

    func begin(_ user: String, _ device: String?, on node: Int) -> UInt64 {
        lastKey += 1
        let arrival = Arrival(
            user: Identifier(unchecked: user), device: device.map { Identifier(unchecked: $0) }, deviceType: nil,
            worker: 0, socketKey: lastKey, windowBits: 0)
        workers[node].users.received(.attach(arrival), of: arrival.user)
        return lastKey
    }

    func info(_ key: UInt64, on node: Int) -> ConnectionInfo? {
        for case (key, .opening(_, .attached(let info, _, _, _))) in workers[node].sent { return info }
        return nil
    }

    /// The frames that came to a connection, in short: ids of messages, "id?" of those without a place, "id!" of those
    /// that were confirmed, and the reasons of gaps.
    func came(_ info: ConnectionInfo, on node: Int) -> [String] {
        workers[node].takeTexts(info.socketKey).compactMap { text in
            let id = Self.value("id", in: text) ?? ""
            if text.contains(#""type":"direct""#) { return text.contains(#""provisional":true"#) ? id + "?" : id }
            if text.contains(#""type":"confirm""#) { return id + "!" }
            if text.contains(#""type":"gap""#) { return Self.value("reason", in: text) }
            return nil
        }
    }

    private static func value(_ name: String, in text: String) -> String? {
        guard let start = text.range(of: "\"\(name)\":\"") else { return nil }
        return text[start.upperBound...].split(separator: "\"", omittingEmptySubsequences: false).first.map(String.init)
    }

    func keys(containing text: String) -> [String] {
        var found: [String] = []
        cluster.memory.perform(.scan(cursor: Array("0".utf8), prefix: [], suffix: [], count: 1000)) { result in
            guard case .success(.array(let parts)) = result, case .array(let keys)? = parts.last else { return }
            for case .bytes(let key) in keys { found.append(String(decoding: key, as: UTF8.self)) }
        }
        return found.filter { $0.contains(text) }
    }
}

@Suite("A user of a cluster whose store goes and comes")
struct SharedUserTests {
    @Test("who connects while the store is away gets all that was missed once it is back, in order and once")
    func unplaced() throws {
        let nodes = try Nodes(2)
        let ann = try nodes.attach("ann", "phone", on: 0).info
        let eve = try nodes.attach("eve", "phone", on: 1).info
        nodes.send("z0", from: ann, to: "zoe", on: 0)
        nodes.loseStore()
        nodes.send("p0", from: eve, to: "zoe", on: 1)
        let zoe = try nodes.attach("zoe", "phone", on: 1).info
        #expect(nodes.came(zoe, on: 1) == ["p0?"])
        nodes.send("z1", from: ann, to: "zoe", on: 0)
        nodes.send("p1", from: eve, to: "zoe", on: 1)
        #expect(nodes.came(zoe, on: 1) == ["p1?"])
        nodes.returnStore()
        nodes.send("z2", from: ann, to: "zoe", on: 0)
        let came = nodes.came(zoe, on: 1)
        #expect(came.sorted() == ["p0!", "p1!", "z0", "z1", "z2"] && came.first == "z0" && came.last == "z2")
    }

    @Test("a device that comes while the store is away begins where others had acked when it came, not when it is back")
    func beginsWhereItCame() throws {
        let nodes = try Nodes(2)
        let ann = try nodes.attach("ann", "phone", on: 0).info
        let phone = try nodes.attach("zoe", "phone", on: 0).info
        nodes.send("z0", from: ann, to: "zoe", on: 0)
        nodes.acknowledge(1, phone, on: 0)
        nodes.settle()
        _ = try nodes.attach("zoe", "tablet", on: 1)
        nodes.loseStore(of: [1])
        let desk = try nodes.attach("zoe", "desk", on: 1).info
        let unnamed = try nodes.attach("zoe", nil, on: 1).info
        nodes.send("z1", from: ann, to: "zoe", on: 0)
        nodes.acknowledge(2, phone, on: 0)
        nodes.settle()
        nodes.returnStore()
        nodes.send("z2", from: ann, to: "zoe", on: 0)
        #expect(nodes.came(desk, on: 1) == ["z1", "z2"])
        #expect(nodes.came(unnamed, on: 1) == ["z1", "z2"])
    }

    @Test("of two connections of a device the later one stays, whatever the nodes' own clocks say")
    func clocks() throws {
        let nodes = try Nodes(2)
        // The first node's clock is ten minutes ahead.
        func set(_ time: Int) {
            for (worker, ahead) in zip(nodes.workers, [600_000, 0]) {
                let loop = worker.core.loop
                worker.core.context.controlStore.clockOffset.set(time - loop.now)
                loop.pretend(Moment(now: loop.now, unix: time + ahead))
            }
        }
        set(1_700_000_000_000)
        let first = try nodes.attach("bob", "phone", on: 0).info
        set(1_700_000_001_000)
        let key = nodes.begin("bob", "phone", on: 1)
        // It waits for the store for longer than what is at once.
        set(1_700_000_004_000)
        nodes.settle()
        #expect(nodes.info(key, on: 1) != nil)
        let wasReplaced = nodes.workers[0].sent.contains {
            if case (first.socketKey, .member(_, .replaced)) = $0 { true } else { false }
        }
        #expect(wasReplaced)
    }

    private func set(_ nodes: Nodes, _ time: Int) {
        for worker in nodes.workers {
            let loop = worker.core.loop
            worker.core.context.controlStore.clockOffset.set(time - loop.now)
            loop.pretend(Moment(now: loop.now, unix: time))
        }
    }

    private func isReplaced(_ key: UInt64, on node: Int, _ nodes: Nodes) -> Bool {
        nodes.workers[node].sent.contains {
            switch $0 {
            case (key, .member(_, .replaced)), (key, .opening(_, .replaced)): true
            default: false
            }
        }
    }

    @Test("Of two connections of a device the later one stays, though it was let in first", arguments: [0, 1])
    func letInLater(earlierNode: Int) throws {
        let nodes = try Nodes(2)
        let laterNode = 1 - earlierNode
        // Each node knows the user.
        for node in 0...1 { _ = try nodes.attach("bob", "desk-\(node)", on: node) }
        set(nodes, 1_700_000_000_000)
        let earlier = nodes.begin("bob", "phone", on: earlierNode)
        set(nodes, 1_700_000_000_300)
        let later = nodes.begin("bob", "phone", on: laterNode)
        for _ in 0..<50 { nodes.work(laterNode) }
        #expect(nodes.info(later, on: laterNode) != nil && nodes.info(earlier, on: earlierNode) == nil)
        // Less than a second after the other: how long it waited says nothing.
        set(nodes, 1_700_000_000_500)
        nodes.settle()
        #expect(!isReplaced(later, on: laterNode, nodes))
        #expect(isReplaced(earlier, on: earlierNode, nodes))
    }

    @Test("A clock of the store that was set back makes no new connection the older one", arguments: [true, false])
    func setBack(isKnownBefore: Bool) throws {
        let nodes = try Nodes(2)
        if isKnownBefore { _ = try nodes.attach("bob", "desk", on: 1) }
        set(nodes, 1_700_003_600_000)
        let first = try nodes.attach("bob", "phone", on: 0).info
        set(nodes, 1_700_000_000_000)
        let second = try nodes.attach("bob", "phone", on: 1).info
        #expect(isReplaced(first.socketKey, on: 0, nodes) && !isReplaced(second.socketKey, on: 1, nodes))
        let third = try nodes.attach("bob", "phone", on: 0).info
        #expect(isReplaced(second.socketKey, on: 1, nodes) && !isReplaced(third.socketKey, on: 0, nodes))
    }

    @Test("nodes that start without a store: a receiver gets what another node kept")
    func started() throws {
        let nodes = try Nodes(2, isStoreThere: false)
        let ann = try nodes.attach("ann", "phone", on: 0).info
        let zoe = try nodes.attach("zoe", "phone", on: 1).info
        let other = try nodes.attach("ann", "desk", on: 0).info
        nodes.send("z0", from: ann, to: "zoe", on: 0)
        // The sender's other device sees it at once; a retry is a repetition.
        #expect(nodes.came(other, on: 0) == ["z0?"] && nodes.came(zoe, on: 1) == [])
        nodes.send("z0", from: ann, to: "zoe", on: 0)
        let acks = nodes.workers[0].takeTexts(ann.socketKey).filter { $0.contains(#""type":"ack""#) }
        #expect(acks.count == 2 && acks[1].contains(#""duplicate":true"#))
        nodes.returnStore()
        #expect(nodes.came(zoe, on: 1) == ["z0"])
        #expect(nodes.came(other, on: 0) == ["z0!"] && nodes.came(ann, on: 0) == ["z0!"])
    }

    @Test("a device's place is its own from its first connection on", arguments: [true, false])
    func ownCursor(isShared: Bool) throws {
        let nodes = try Nodes(2)
        if !isShared { return try ownCursorAlone() }
        let bob = try nodes.attach("bob", "phone", on: 0).info
        let first = try nodes.attach("ann", "A", on: 0).info
        let second = try nodes.attach("ann", "B", on: 1).info
        nodes.detach(first, on: 0)
        nodes.send("d", from: bob, to: "ann", on: 0)
        #expect(nodes.came(second, on: 1) == ["d"])
        nodes.acknowledge(1, second, on: 1)
        nodes.settle()
        let back = try nodes.attach("ann", "A", on: 0)
        #expect(nodes.came(back.info, on: 0) == ["d"] && back.inbox.pending == 0)
        let new = try nodes.attach("ann", "C", on: 0).info
        #expect(nodes.came(new, on: 0) == [])
    }

    private func ownCursorAlone() throws {
        let worker = try TestWorker(["PRESENCE_GRACE_SECONDS": "0"])
        let ann = Identifier(unchecked: "ann")
        func attach(_ device: String, _ key: UInt64) -> ConnectionInfo? {
            let arrival = Arrival(
                user: ann, device: Identifier(unchecked: device), deviceType: nil, worker: 0, socketKey: key,
                windowBits: 0)
            worker.users.received(.attach(arrival), of: ann)
            for case (key, .opening(_, .attached(let info, _, _, _))) in worker.sent { return info }
            return nil
        }
        let (first, second) = (try #require(attach("A", 1)), try #require(attach("B", 2)))
        worker.users.received(.detach(first, atOnce: true), of: ann)
        let fields = TestWorker.withFields("hello", id: "d") { OwnedMessageFields($0) }
        let direct = Direct(
            from: Identifier(unchecked: "bob"), to: ann, sender: nil, deviceType: nil, fields: fields)
        worker.users.find(ann)?.publish(direct, author: .nobody)
        let position = try #require(worker.users.find(ann)?.inboxPosition)
        worker.users.received(.acknowledgeInbox(position, second), of: ann)
        _ = attach("A", 3)
        #expect(worker.takeTexts(3).count { $0.contains(#""type":"direct""#) } == 1)
        _ = attach("C", 4)
        #expect(worker.takeTexts(4).count { $0.contains(#""type":"direct""#) } == 0)
    }

    @Test("an ack that comes while the store is away is said again when it is back")
    func ackedAway() throws {
        let nodes = try Nodes(3)
        let ann = try nodes.attach("ann", "phone", on: 0).info
        let bob = try nodes.attach("bob", "phone", on: 1).info
        for number in 1...4 { nodes.send("\(number)", from: ann, to: "bob", on: 0) }
        #expect(nodes.came(bob, on: 1) == ["1", "2", "3", "4"])
        nodes.loseStore()
        nodes.acknowledge(3, bob, on: 1)
        // It moves to a node that knows nothing of it: that must not begin before the store says where.
        nodes.detach(bob, on: 1)
        let away = try nodes.attach("bob", "phone", on: 2).info
        #expect(nodes.came(away, on: 2) == [])
        nodes.returnStore()
        #expect(nodes.came(away, on: 2) == ["4"])
    }

    @Test("a wiped store: what a device has processed does not come again, on whatever node")
    func wiped() throws {
        let nodes = try Nodes(3)
        let ann = try nodes.attach("ann", "phone", on: 0).info
        let bob = try nodes.attach("bob", "phone", on: 1).info
        for number in 1...4 { nodes.send("\(number)", from: ann, to: "bob", on: 0) }
        #expect(nodes.came(bob, on: 1) == ["1", "2", "3", "4"])
        nodes.acknowledge(2, bob, on: 1)
        nodes.settle()
        nodes.loseStore()
        nodes.cluster.restartEmpty()
        nodes.returnStore()
        #expect(nodes.came(bob, on: 1) == ["epoch_changed"])
        nodes.send("5", from: ann, to: "bob", on: 0)
        #expect(nodes.came(bob, on: 1) == ["5"])
        nodes.detach(bob, on: 1)
        let back = try nodes.attach("bob", "phone", on: 2).info
        #expect(nodes.came(back, on: 2) == ["epoch_changed", "3", "4", "5"])
    }

    @Test("all nodes restart: who has acked gets nothing again, whenever the store answers", arguments: [true, false])
    func restarted(isStoreThere: Bool) throws {
        let nodes = try Nodes(4)
        let ann = try nodes.attach("ann", "phone", on: 0).info
        let bob = try nodes.attach("bob", "phone", on: 1).info
        for number in 1...4 { nodes.send("\(number)", from: ann, to: "bob", on: 0) }
        nodes.acknowledge(3, bob, on: 1)
        nodes.settle()
        nodes.loseStore(of: isStoreThere ? [0, 1] : nil)
        let back = try nodes.attach("bob", "phone", on: 2).info
        if !isStoreThere {
            #expect(nodes.came(back, on: 2) == [])
            nodes.returnStore()
        }
        #expect(nodes.came(back, on: 2) == ["4"])
    }

    @Test("what in the store is of a wrong type lets nobody wait", arguments: ["place", "log", "cursors", "session"])
    func wrongType(key: String) throws {
        let nodes = try Nodes(1)
        let name = Array("sluice:{user:bob}:\(key)".utf8)
        nodes.cluster.memory.perform(.listAppend(key: name, values: [[1]])) { _ in }
        let ann = try nodes.attach("ann", "phone", on: 0).info
        let bob = try nodes.attach("bob", "phone", on: 0).info
        nodes.send("1", from: ann, to: "bob", on: 0)
        let isServed = key == "cursors" || key == "session"
        #expect(nodes.came(bob, on: 0) == (isServed ? ["1"] : ["1?"]))
    }

    @Test("reading a user of whom nothing is known makes nothing")
    func reading() throws {
        let nodes = try Nodes(2)
        var count: Int?
        nodes.workers[0].users.removeConnections(of: Identifier(unchecked: "nobody")) { count = $0 }
        nodes.settle()
        #expect(count == 0 && nodes.keys(containing: "nobody").isEmpty)
        let ann = try nodes.attach("ann", "phone", on: 0).info
        nodes.workers[1].users.removeConnections(of: ann.user) { count = $0 }
        nodes.settle()
        #expect(count == 1 && !nodes.keys(containing: "{user:ann}").isEmpty)
    }

    @Test("the inbox can be read, and behind it what this node keeps")
    func history() throws {
        let nodes = try Nodes(1)
        let ann = try nodes.attach("ann", "phone", on: 0).info
        let bob = try nodes.attach("bob", "phone", on: 0).info
        nodes.send("1", from: ann, to: "bob", on: 0)
        nodes.loseStore()
        nodes.send("2", from: ann, to: "bob", on: 0)
        _ = nodes.came(bob, on: 0)
        let query = HistoryQuery(anchor: .newest, limit: 10, isOfInbox: true)
        nodes.workers[0].users.received(.inboxHistory(bob, query, requestID: "r"), of: bob.user)
        let text = nodes.workers[0].takeTexts(bob.socketKey).joined()
        #expect(text.hasPrefix(#"{"type":"history","id":"r","inbox":true,"epoch":""#))
        #expect(text.contains(#""seq":1,"id":"1""#) && text.contains(#""provisional":true,"id":"2""#))
        #expect(text.hasSuffix(#""complete":true}"#))
    }
}

/// A device that comes and goes, and what it was given: each message once, in order, and nothing that it has acked.
private final class ModelDevice {
    struct Connection {
        let key: UInt64
        let node: Int
        var info: ConnectionInfo?
        var provisional: Set<String> = []
        var placed: Set<String> = []
        var last: Position?
    }

    let name: String
    var connection: Connection?
    var all: Set<String> = []
    /// Up to where it acked, and the messages that this covered.
    var acked: Set<String> = []
    var faults: [String] = []

    init(_ name: String) { self.name = name }

    func took(_ text: String) {
        guard var connection else { return }
        defer { self.connection = connection }
        let id = SharedUserFuzzTests.value("id", in: text) ?? ""
        let position = SharedUserFuzzTests.value("epoch", in: text).flatMap { epoch in
            SharedUserFuzzTests.number("seq", in: text).map { Position(epoch: epoch, seq: $0) }
        }
        let isConfirm = text.contains(#""type":"confirm""#)
        guard isConfirm || text.contains(#""type":"direct""#) else { return }
        guard let position else {
            if !connection.provisional.insert(id).inserted || connection.placed.contains(id) {
                faults.append("\(name): \(id) without a place, again")
            }
            return
        }
        if isConfirm != connection.provisional.contains(id) { faults.append("\(name): \(text)") }
        if !connection.placed.insert(id).inserted { faults.append("\(name): \(id) twice on a connection") }
        if let last = connection.last, last.epoch == position.epoch, last.seq >= position.seq {
            faults.append("\(name): \(id) at \(position) behind \(last)")
        }
        if acked.contains(id) { faults.append("\(name): \(id), which it has acked") }
        connection.last = position
        all.insert(id)
    }
}

@Suite("A user of a cluster, driven by random events")
struct SharedUserFuzzTests {
    static func value(_ name: String, in text: String) -> String? {
        guard let start = text.range(of: "\"\(name)\":\"") else { return nil }
        return text[start.upperBound...].split(separator: "\"", omittingEmptySubsequences: false).first.map(String.init)
    }

    static func number(_ name: String, in text: String) -> UInt64? {
        guard let start = text.range(of: "\"\(name)\":") else { return nil }
        return UInt64(text[start.upperBound...].prefix { $0.isNumber })
    }

    @Test("Each device gets each message once, in order, and nothing that it acked", arguments: 0..<40)
    func random(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let nodes = try Nodes(3)
        let senders = try (0..<3).map { try nodes.attach("ann", "a\($0)", on: $0).info }
        let devices = [ModelDevice("phone"), ModelDevice("desk")]
        for device in devices {
            let key = nodes.begin("bob", device.name, on: 0)
            nodes.settle()
            device.connection = ModelDevice.Connection(key: key, node: 0, info: nodes.info(key, on: 0))
        }
        var sent = 0
        func read(_ device: ModelDevice) {
            guard let connection = device.connection else { return }
            if connection.info == nil { device.connection?.info = nodes.info(connection.key, on: connection.node) }
            for text in nodes.workers[connection.node].takeTexts(connection.key) { device.took(text) }
        }
        for _ in 0..<150 {
            let node = Int.random(in: 0..<3, using: &random)
            let device = devices[Int.random(in: 0..<2, using: &random)]
            read(device)
            switch Int.random(in: 0..<20, using: &random) {
            case 0, 1, 2:
                let fields = TestWorker.withFields("hello", id: "m\(sent)") { OwnedMessageFields($0) }
                let bob = Identifier(unchecked: "bob")
                let direct = Direct(
                    from: senders[node].user, to: bob, sender: senders[node], deviceType: nil, fields: fields)
                nodes.workers[node].users.received(.direct(direct, from: senders[node]), of: bob)
                sent += 1
            case 3:
                if let connection = device.connection, let info = connection.info {
                    nodes.workers[connection.node].users.received(.detach(info, atOnce: true), of: info.user)
                    device.connection = nil
                }
            case 4, 5:
                if device.connection == nil {
                    device.connection = ModelDevice.Connection(
                        key: nodes.begin("bob", device.name, on: node), node: node)
                }
            case 6, 7:
                if let connection = device.connection, let info = connection.info, let last = connection.last {
                    nodes.workers[connection.node].users.received(.acknowledgeInbox(last, info), of: info.user)
                    // With the store away its word comes later, and may come behind the device's next connection.
                    guard nodes.workers[connection.node].replication?.isStoreAway == false else { break }
                    nodes.settle()
                    read(device)
                    device.acked.formUnion(connection.placed)
                }
            case 8: if nodes.workers[node].replication?.isStoreAway == false { nodes.loseStore(of: [node]) }
            case 9: nodes.returnStore()
            case 10: nodes.cluster.links[node].interruptSubscriptions()
            default: for _ in 0..<3 { nodes.work(node) }
            }
        }
        nodes.returnStore()
        for device in devices {
            read(device)
            if device.connection == nil {
                let key = nodes.begin("bob", device.name, on: 0)
                device.connection = ModelDevice.Connection(key: key, node: 0)
                nodes.settle()
            }
        }
        for _ in 0..<4 {
            for worker in nodes.workers { worker.users.poll() }
            nodes.settle()
        }
        for device in devices {
            read(device)
            #expect(device.faults.isEmpty, "seed \(seed)")
            #expect(device.all == Set((0..<sent).map { "m\($0)" }), "seed \(seed), \(device.name)")
        }
    }
}
