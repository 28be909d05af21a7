import Core
import Rooms
import Testing

@testable import ClusterState
@testable import Gateway

@Suite("Who is in, on all nodes of a cluster")
struct ClusterPresenceTests {
    private let lobby = Identifier(unchecked: "lobby")
    private let ann = Identifier(unchecked: "ann")
    private let bob = Identifier(unchecked: "bob")
    private let keys = LogKeys(room: Identifier(unchecked: "lobby"))

    /// Nodes that know of each other, and what the store is asked.
    private final class World {
        let cluster: SimulatedCluster
        let workers: [TestWorker]
        private(set) var requestsMax = 0

        init(_ environment: [String: String] = [:]) throws {
            let cluster = SimulatedCluster(nodes: 2)
            self.cluster = cluster
            workers = try cluster.links.map { try TestWorker(environment, store: $0) }
            for worker in workers {
                let others = workers.filter { $0 !== worker }.map { $0.core.context.record(at: 0) }
                worker.replication?.nodesChanged(others)
            }
        }

        subscript(_ number: Int) -> TestWorker { workers[number] }

        /// Runs until nobody waits for anything.
        func settle() {
            var rounds = 0
            while rounds < 200_000, cluster.links.contains(where: { !$0.isIdle }) {
                rounds += 1
                for (link, worker) in zip(cluster.links, workers) {
                    requestsMax = max(requestsMax, link.requestCount)
                    link.runNext()
                    link.answerNext()
                    link.noticeNext()
                    worker.endTurn()
                }
            }
        }

        func disconnect(_ number: Int) {
            cluster.links[number].disconnect(running: 0)
            workers[number].replication?.storeLost()
        }

        func reconnect(_ number: Int) {
            cluster.links[number].reconnect()
            workers[number].replication?.storeReturned()
        }

        /// The fields and records that the store has.
        func stored(_ keys: LogKeys) -> [RoomPresence.Change] {
            var page: RoomPresence.Page?
            cluster.memory.perform(RoomPresence.page(keys, from: RoomPresence.start)) { result in
                page = (try? result.get()).flatMap(RoomPresence.page)
            }
            return page?.entries ?? []
        }
    }

    private func join(_ user: Identifier, _ key: UInt64, _ worker: TestWorker, to room: Identifier? = nil)
        -> ConnectionInfo
    {
        let info = worker.info(user.text, key)
        worker.rooms.open(room ?? lobby)?.join(info, from: nil)
        return info
    }

    private func elsewhere(_ worker: TestWorker) -> Set<Identifier> {
        worker.rooms.find(lobby)?.sequencer.elsewhere ?? []
    }

    @Test(
        "one who leaves while Redis is away is gone from the others' lists when it is back", arguments: [false, true])
    func leaving(roomIsForgotten: Bool) throws {
        let world = try World()
        let info = join(ann, 1, world[0])
        _ = join(bob, 1, world[1])
        world.settle()
        #expect(elsewhere(world[1]) == [ann] && elsewhere(world[0]) == [bob])
        world.disconnect(0)
        world[0].rooms.find(lobby)?.leave(info, isAsked: true)
        if roomIsForgotten { _ = world[0].rooms.drop(lobby) }
        world.settle()
        #expect(elsewhere(world[1]) == [ann])
        world.reconnect(0)
        world.settle()
        #expect(elsewhere(world[1]).isEmpty && world.stored(keys).map(\.user) == [bob])
        #expect(world[0].replication?.presence.count == 0)
    }

    @Test("what Redis refuses is published again, the last word only")
    func refusals() throws {
        let world = try World()
        _ = join(bob, 1, world[1])
        let info = join(ann, 1, world[0])
        world.settle()
        world[0].rooms.find(lobby)?.leave(info, isAsked: true)
        world.cluster.links[0].refuseNext("BUSY", isRun: false)
        world.settle()
        #expect(elsewhere(world[1]) == [ann])
        world[0].replication?.ticked()
        world[0].replication?.presence.ticked(at: world[0].core.loop.now + 1_000)
        world.settle()
        #expect(elsewhere(world[1]).isEmpty)
        _ = join(ann, 2, world[0])
        world.cluster.links[0].refuseNext("OOM", isRun: true)
        world.settle()
        world[0].replication?.presence.ticked(at: world[0].core.loop.now + 2_000)
        world.settle()
        #expect(elsewhere(world[1]) == [ann] && world[0].replication?.presence.count == 0)
    }

    @Test("a node that was forgotten publishes anew who is in, and the others take it in")
    func forgotten() throws {
        let world = try World()
        for number in 0..<40 { _ = join(Identifier(unchecked: "u\(number)"), UInt64(number + 1), world[0]) }
        _ = join(bob, 1, world[1])
        world.settle()
        let boot = world[0].core.context.boot
        // The others take it to be gone, and its entries are cleared away.
        world[1].replication?.nodesChanged([])
        world[1].replication?.nodeGone(boot)
        world[1].rooms.nodeGone(boot)
        for entry in world.stored(keys) where entry.boot == boot {
            world.cluster.memory.perform(RoomPresence.operation(keys, boot: boot, user: entry.user, record: [])) { _ in
            }
        }
        world.settle()
        #expect(elsewhere(world[1]).isEmpty && world.stored(keys).count == 1)
        // It lives, and learns that it was forgotten; another node learns that it is back.
        world[1].replication?.nodesChanged([world[0].core.context.record(at: 0)])
        #expect(world[1].replication?.goneNodes == [])
        world[0].rooms.checkPresence()
        world.settle()
        #expect(elsewhere(world[1]).count == 40 && world.stored(keys).count == 41)
        world[1].rooms.nodeGone(boot)
        #expect(elsewhere(world[1]).isEmpty)
        world[1].rooms.checkPresence()
        world.settle()
        #expect(elsewhere(world[1]).count == 40)
    }

    @Test("what the store has of this node and is not so is taken back")
    func stale() throws {
        let world = try World()
        _ = join(ann, 1, world[0])
        _ = join(bob, 1, world[1])
        world.settle()
        let boot = world[0].core.context.boot
        let ghost = Identifier(unchecked: "ghost")
        for (user, record) in [(ghost, "1\nn"), (ann, "9\nwhatever")] {
            let operation = RoomPresence.operation(keys, boot: boot, user: user, record: Array(record.utf8))
            world.cluster.memory.perform(operation) { _ in }
        }
        world.settle()
        #expect(elsewhere(world[1]) == [ann, ghost])
        world[0].rooms.checkPresence()
        world.settle()
        #expect(elsewhere(world[1]) == [ann] && world.stored(keys).count == 2)
        let devices = world[1].rooms.find(lobby)?.sequencer.attendancesElsewhere(of: ann).flatMap(\.devices)
        #expect(devices?.count == 1)
    }

    @Test("a place is free again for others when its user has left while Redis was away")
    func usersMax() throws {
        let world = try World()
        let settings = RoomFacts.Settings(name: nil, usersMax: 1, historySize: nil)
        world.cluster.memory.perform(RoomFacts.setting(keys, settings, boot: "x", at: 1, isNew: false)) { _ in }
        let info = join(ann, 1, world[0])
        world.settle()
        _ = join(bob, 7, world[1])
        world.settle()
        #expect(world[1].rooms.find(lobby)?.room.userCount == 0)
        world.disconnect(0)
        world[0].rooms.find(lobby)?.leave(info, isAsked: true)
        world.reconnect(0)
        world.settle()
        _ = join(bob, 8, world[1])
        world.settle()
        #expect(world[1].rooms.find(lobby)?.room.userCount == 1)
    }

    @Test("thousands of entries are published, and again, a bounded number at a time")
    func pace() throws {
        let world = try World()
        let rooms = (0..<20).map { Identifier(unchecked: "r\($0)") }
        for (place, room) in rooms.enumerated() {
            for number in 0..<100 {
                _ = join(Identifier(unchecked: "u\(number)"), UInt64(place * 100 + number + 1), world[0], to: room)
            }
        }
        world.settle()
        let stored = { rooms.reduce(0) { $0 + world.stored(LogKeys(room: $1)).count } }
        #expect(stored() == 2_000)
        world.cluster.restartEmpty()
        #expect(stored() == 0)
        world[0].rooms.checkPresence()
        world.settle()
        #expect(stored() == 2_000)
        // Of entries no more than 64, and of each room no more than a few questions.
        #expect(world.requestsMax < 64 + 8 * rooms.count, "\(world.requestsMax)")
    }

    @Test("a store that was emptied without a word has the logs of silent rooms and users again")
    func emptied() throws {
        let world = try World()
        _ = join(ann, 1, world[0])
        _ = join(bob, 1, world[1])
        _ = world[0].users.open(ann)
        world.settle()
        let logs = { [lobby, ann] () -> StoreReply? in
            var result = StoreResult.failure(.uncertain)
            let places = [LogKeys(room: lobby).place, LogKeys(user: ann).place]
            world.cluster.memory.perform(.exists(keys: places)) { result = $0 }
            return try? result.get()
        }
        let epoch = try #require(world[0].rooms.find(lobby)?.room.log.epoch)
        #expect(logs() == .integer(2))
        world.cluster.memory.perform(.delete(keys: [LogKeys(room: lobby).place, LogKeys(user: ann).place])) { _ in }
        world.settle()
        #expect(logs() == .integer(0))
        world[0].rooms.checkPresence()
        world[0].users.checkPresence()
        world.settle()
        #expect(logs() == .integer(2))
        let epochs = world.workers.compactMap { $0.rooms.find(lobby)?.room.log.epoch }
        #expect(epochs.count == 2 && epochs[0] == epochs[1] && epochs[0] != epoch)
    }

    @Test("a user of a node of another version is in, whatever its record says")
    func nextVersion() throws {
        let world = try World()
        _ = join(bob, 1, world[1])
        world.settle()
        let next = NodeRecord(Array("format=2\nmind=open".utf8), boot: "next")
        world[1].replication?.nodesChanged([next])
        let record = Array("2 {\"devices\":[1]}".utf8)
        world.cluster.memory.perform(RoomPresence.operation(keys, boot: "next", user: ann, record: record)) { _ in }
        world.settle()
        #expect(elsewhere(world[1]) == [ann])
        world[1].rooms.checkPresence()
        world.settle()
        #expect(elsewhere(world[1]) == [ann])
        #expect(world[1].rooms.find(lobby)?.sequencer.attendancesElsewhere(of: ann).count == 1)
    }

    @Test("a publication of another version has the log read: what it brought is not lost")
    func nextPublication() throws {
        let world = try World()
        _ = join(bob, 1, world[1])
        world.settle()
        let log = try #require(world[1].rooms.find(lobby)?.room.log)
        // A node of a version to come commits, and publishes in a way of its own.
        let body = Array(#","id":"x","user":"ann","message_type":"text","content":"hello","ts":1700000000000}"#.utf8)
        for operation in [
            StoreOperation.hashSet(key: keys.place, pairs: [StorePair(Array("seq".utf8), Array("1".utf8))]),
            .streamAppend(key: keys.entries, id: StreamID(1), pairs: [StorePair(Array("m".utf8), body)]),
            .publish(channel: keys.channel, payload: Array("=2\nzstd…".utf8)),
        ] { world.cluster.memory.perform(operation) { _ in } }
        world.settle()
        world[1].rooms.poll()
        world.settle()
        #expect(log.newestSeq == 1)
    }
}
