import ClusterState
import Core
import Rooms
import Testing
import WireProtocol

@testable import Gateway

@Suite("The events of a node")
struct EventWriterTests {
    private static let webhook = ["EVENT_WEBHOOK_URL": "http://hooks", "PRESENCE_GRACE_SECONDS": "0"]
    private let lobby = Identifier(unchecked: "lobby")

    /// Nodes on one store that know of each other.
    private final class World {
        let cluster: SimulatedCluster
        let workers: [TestWorker]

        init(_ environment: [String: String] = EventWriterTests.webhook) throws {
            let cluster = SimulatedCluster(nodes: 2)
            self.cluster = cluster
            workers = try cluster.links.map { try TestWorker(environment, store: $0) }
            for worker in workers {
                let others = workers.filter { $0 !== worker }.map { $0.core.context.record(at: 0) }
                worker.replication?.nodesChanged(others)
            }
        }

        func settle() {
            var rounds = 0
            while rounds < 200_000, cluster.links.contains(where: { !$0.isIdle }) {
                rounds += 1
                for (link, worker) in zip(cluster.links, workers) {
                    link.runNext()
                    link.answerNext()
                    link.noticeNext()
                    worker.endTurn()
                }
            }
        }

        func disconnect(_ number: Int, running: Int = 0) {
            cluster.links[number].disconnect(running: running)
            workers[number].replication?.storeLost()
        }

        func reconnect(_ number: Int) {
            cluster.links[number].reconnect()
            workers[number].replication?.storeReturned()
        }

        /// The events of each node since the last call.
        func takeEvents() -> [[String]] { workers.map(EventWriterTests.takeEvents) }
    }

    /// The type, and the room or user, of each event since the last call.
    private static func takeEvents(_ worker: TestWorker) -> [String] {
        worker.core.events?.post()
        let texts = worker.core.context.mail.events.mail.takeAll().map { String(decoding: $0.bytes, as: UTF8.self) }
        return texts.flatMap { $0.split(separator: "},{") }.map { text in
            func value(_ name: String) -> String? {
                text.split(separator: "\"\(name)\":\"").dropFirst().first?.split(separator: "\"").first.map(String.init)
            }
            let type = text.split(separator: "\"type\":\"").last?.split(separator: "\"").first.map(String.init) ?? ""
            return [type, value("user") ?? value("room")].compactMap { $0 }.joined(separator: " ")
        }
    }

    private func join(_ user: String, _ key: UInt64, _ worker: TestWorker) -> ConnectionInfo {
        let info = worker.info(user, key, device: "d\(key)")
        worker.rooms.open(lobby)?.join(info, from: nil)
        return info
    }

    private func leave(_ info: ConnectionInfo, _ worker: TestWorker) {
        worker.rooms.find(lobby)?.leave(info, isAsked: true)
    }

    @Test("without a webhook there are none, and nobody writes them")
    func off() throws {
        #expect(try TestWorker().core.events == nil)
    }

    @Test("of a user's connections the first and the last one count, and so do those of a room's users")
    func singleNode() throws {
        let worker = try TestWorker(Self.webhook)
        let (first, second) = (join("ann", 1, worker), join("ann", 2, worker))
        let bob = join("bob", 3, worker)
        #expect(Self.takeEvents(worker) == ["room_occupied lobby", "joined ann", "joined bob"])
        leave(first, worker)
        leave(bob, worker)
        #expect(Self.takeEvents(worker) == ["left bob"])
        leave(second, worker)
        #expect(Self.takeEvents(worker) == ["left ann", "room_vacated lobby"])
        _ = join("ann", 4, worker)
        _ = join("bob", 5, worker)
        _ = Self.takeEvents(worker)
        #expect(worker.rooms.drop(lobby))
        #expect(Set(Self.takeEvents(worker)) == ["left ann", "left bob", "room_vacated lobby"])
    }

    @Test("of messages those that were committed are sent, repetitions not", arguments: [true, false])
    func messages(areWanted: Bool) throws {
        let environment = Self.webhook.merging(["EVENT_WEBHOOK_EVENTS": "message,left"]) { $1 }
        let worker = try TestWorker(areWanted ? environment : Self.webhook)
        let info = worker.info("ann", 1)
        for _ in 0..<2 {
            TestWorker.withFields("hello", id: "m1") { fields in
                worker.rooms.open(lobby)?.publish(
                    fields, user: info.user, device: info.device, author: .connection(info))
            }
        }
        #expect(Self.takeEvents(worker).map { $0.prefix(7) } == (areWanted ? ["message"] : []))
    }

    @Test("of a cluster one node says that the first came and the last went, however close they are", arguments: 0..<2)
    func cluster(last: Int) throws {
        let world = try World()
        let infos = [join("ann", 1, world.workers[0]), join("ann", 2, world.workers[1])]
        world.settle()
        let came = world.takeEvents()
        #expect(came.flatMap { $0 }.sorted() == ["joined ann", "room_occupied lobby"] && came.contains([]))
        leave(infos[1 - last], world.workers[1 - last])
        world.settle()
        #expect(world.takeEvents() == [[], []])
        leave(infos[last], world.workers[last])
        world.settle()
        #expect(world.takeEvents()[last] == ["left ann", "room_vacated lobby"])
        // All at once: nothing is lost between two answers.
        for _ in 0..<3 { leave(join("bob", 3, world.workers[0]), world.workers[0]) }
        world.settle()
        let quick = ["room_occupied lobby", "joined bob", "left bob", "room_vacated lobby"]
        #expect(world.takeEvents() == [quick + quick + quick, []])
    }

    @Test(
        "what a node said while the store was away is not said again, and what it could not know is",
        arguments: [true, false])
    func outage(isWiped: Bool) throws {
        let world = try World()
        let ann = join("ann", 1, world.workers[0])
        _ = join("carol", 9, world.workers[1])
        world.settle()
        _ = world.takeEvents()
        for number in 0..<2 { world.disconnect(number) }
        // New here; and moved from one node to the other.
        let bob = join("bob", 2, world.workers[0])
        leave(ann, world.workers[0])
        _ = join("ann", 3, world.workers[1])
        #expect(world.takeEvents() == [["joined bob", "left ann"], []])
        if isWiped { world.cluster.restartEmpty() }
        for number in 0..<2 { world.reconnect(number) }
        world.settle()
        // By the one or the other node, as the store hears first of the departure or of the arrival.
        #expect(world.takeEvents().flatMap { $0 } == ["joined ann"])
        leave(bob, world.workers[0])
        world.settle()
        #expect(world.takeEvents() == [["left bob"], []])
    }

    @Test("an answer that was lost loses no event", arguments: [true, false])
    func lostAnswers(isRun: Bool) throws {
        let world = try World()
        let ann = join("ann", 1, world.workers[0])
        world.disconnect(0, running: isRun ? 10 : 0)
        #expect(world.takeEvents() == [["room_occupied lobby", "joined ann"], []])
        world.reconnect(0)
        world.settle()
        leave(ann, world.workers[0])
        world.settle()
        #expect(world.takeEvents() == [["left ann", "room_vacated lobby"], []])
    }

    @Test("a node that counted as dead says again who is in")
    func swept() throws {
        let world = try World()
        _ = join("ann", 1, world.workers[0])
        world.settle()
        _ = world.takeEvents()
        let boot = world.workers[0].core.context.boot
        let sweep = Sweep.operation(
            LogKeys(room: lobby).members, Sweep.Nodes(gone: [boot], living: []),
            Sweep.Spans(sessionTTL: 1_000, nodeExpiry: 1_000))
        var outcome: Sweep.Outcome?
        world.cluster.memory.perform(sweep) { outcome = (try? $0.get()).flatMap(Sweep.answer) }
        #expect(outcome?.removals.map(\.verdict) == [[.changed, .alone, .empty]])
        world.workers[0].rooms.checkPresence()
        world.settle()
        #expect(world.takeEvents() == [["room_occupied lobby", "joined ann"], []])
    }

    @Test("what there is no place for is counted")
    func bounds() {
        let desk = EventDesk(eventsMax: 2, bytesMax: 10)
        #expect(desk.take(4) && desk.take(6) && !desk.take(0) && desk.droppedCount == 1 && desk.waitingCount == 2)
        desk.ended(.init(events: 1, bytes: 4), isSent: true)
        #expect(!desk.take(5) && desk.take(4) && desk.sentCount == 1 && desk.droppedCount == 2)
        desk.ended(.init(events: 2, bytes: 10), isSent: false)
        #expect(desk.waitingCount == 0 && desk.droppedCount == 4)
    }
}
