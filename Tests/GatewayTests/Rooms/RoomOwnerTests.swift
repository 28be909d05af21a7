import ClusterState
import Core
import Rooms
import Testing
import WireProtocol

@testable import Gateway

/// How a room gets its order: the rules below hold for both.
enum Mode: CaseIterable {
    case local, replicated

    func worker(_ environment: [String: String] = [:]) throws -> TestWorker {
        switch self {
        case .local: return try TestWorker(environment)
        case .replicated:
            let store = MemoryStore(boot: "r") { 1_700_000_000_000_000 }
            let worker = try TestWorker(environment, store: store)
            worker.replication?.storeReturned()
            return worker
        }
    }
}

@Suite("A room at its home, alone and in a cluster")
struct RoomOwnerTests {
    private let room = Identifier(unchecked: "room")

    /// A room with members on this worker.
    private final class Scene {
        let worker: TestWorker
        let owner: RoomOwner
        private(set) var members: [UInt64: TestMember] = [:]
        private(set) lazy var delivery = LocalDelivery<TestMember>(worker.core, find: { [unowned self] in members[$0] })

        init(_ mode: Mode, _ environment: [String: String] = [:]) throws {
            worker = try mode.worker(environment)
            owner = try #require(worker.rooms.open(Identifier(unchecked: "room")))
        }

        /// Joins and goes live; returns the frames of the answer.
        func join(_ info: ConnectionInfo, from position: Position? = nil, wantsEcho: Bool = false) -> [String] {
            worker.rooms.received(.join(info, from: position), of: owner.id)
            let member = TestMember(info.socketKey, wantsEcho: wantsEcho)
            members[info.socketKey] = member
            member.enter(delivery.open(owner.id, owner: owner))
            return worker.takeTexts(info.socketKey)
        }

        func publish(_ content: String, id: String? = nil, _ info: ConnectionInfo) {
            TestWorker.withFields(content, id: id) {
                owner.publish($0, user: info.user, device: info.device, author: .connection(info))
            }
            worker.endTurn()
        }

        func texts(_ key: UInt64) -> [String] { members[key]?.takeTexts() ?? [] }
    }

    @Test("A message is acked to its author and delivered to the others, under one seq", arguments: Mode.allCases)
    func publishing(mode: Mode) throws {
        let scene = try Scene(mode)
        let (ann, bob) = (scene.worker.info("ann", 1), scene.worker.info("bob", 2))
        #expect(scene.join(ann).first?.contains(#""type":"joined_room""#) == true)
        _ = scene.join(bob)
        scene.worker.endTurn()
        #expect(scene.texts(1).contains { $0.contains(#""type":"joined""#) && $0.contains("bob") })
        _ = scene.texts(2)
        scene.publish("hello", id: "m1", ann)
        let acks = scene.texts(1)
        #expect(acks.count == 1 && acks[0].contains(#""type":"ack""#) && acks[0].contains(#""seq":1"#))
        let messages = scene.texts(2)
        #expect(messages.count == 1 && messages[0].contains(#""content":"hello""#) && messages[0].contains(#""seq":1"#))
    }

    @Test("The same id commits once, and is acked with the first place", arguments: Mode.allCases)
    func repetition(mode: Mode) throws {
        let scene = try Scene(mode)
        let (ann, bob) = (scene.worker.info("ann", 1), scene.worker.info("bob", 2))
        _ = scene.join(ann)
        _ = scene.join(bob)
        scene.worker.endTurn()
        scene.publish("one", id: "m1", ann)
        scene.publish("two", id: "m2", ann)
        _ = (scene.texts(1), scene.texts(2))
        scene.publish("other content", id: "m1", ann)
        let acks = scene.texts(1)
        #expect(acks.count == 1 && acks[0].contains(#""duplicate":true"#) && acks[0].contains(#""seq":1"#))
        #expect(scene.texts(2).isEmpty)
    }

    @Test("The home says of whom it knows no history, in front of the answer", arguments: Mode.allCases)
    func unknownPosition(mode: Mode) throws {
        let scene = try Scene(mode)
        let epoch = scene.owner.room.log.epoch
        func isReported(_ key: UInt64, _ position: Position?) -> Bool {
            scene.worker.rooms.received(.join(scene.worker.info("u\(key)", key), from: position), of: room)
            defer { _ = scene.worker.takeTexts(key) }
            return scene.worker.sent.contains {
                if case .member(_, .positionUnknown(room)) = $0.message { $0.key == key } else { false }
            }
        }
        #expect(!isReported(1, nil))
        #expect(!isReported(2, Position(epoch: epoch, seq: 0)))
        #expect(!isReported(3, Position(epoch: epoch, seq: 999)))
        #expect(isReported(4, Position(epoch: "made up", seq: 0)))
    }

    @Test("A position is resumed from, before anything live", arguments: Mode.allCases)
    func resuming(mode: Mode) throws {
        let scene = try Scene(mode)
        let ann = scene.worker.info("ann", 1)
        _ = scene.join(ann)
        for number in 1...5 { scene.publish("m\(number)", ann) }
        let epoch = scene.owner.room.log.epoch
        let frames = scene.join(scene.worker.info("bob", 2), from: Position(epoch: epoch, seq: 2))
        #expect(frames.count == 4 && frames[0].contains(#""recovered":true"#) && frames[0].contains(#""missed":3"#))
        #expect(frames[1].contains(#""seq":3"#) && frames[3].contains(#""seq":5"#))
        scene.worker.endTurn()
        _ = scene.texts(2)
        scene.publish("m6", ann)
        #expect(scene.texts(2).count == 1)
    }

    @Test("A full room refuses, at n and n + 1; who is in may come with another device", arguments: Mode.allCases)
    func full(mode: Mode) throws {
        let scene = try Scene(mode)
        scene.owner.room.set(RoomSettings(usersMax: 1, historySize: 10), isConfigured: true, createdAt: 1)
        #expect(!scene.join(scene.worker.info("ann", 1)).isEmpty)
        #expect(scene.join(scene.worker.info("bob", 2)).isEmpty)
        #expect(scene.owner.userCount == 1)
        #expect(!scene.join(scene.worker.info("ann", 3, device: "e")).isEmpty)
    }

    @Test("Every question of a connection is answered, whether there is a room or not", arguments: Mode.allCases)
    func answers(mode: Mode) throws {
        let worker = try mode.worker()
        let ann = worker.info("ann", 1)
        let query = HistoryQuery(anchor: .newest, limit: 10)
        let questions: [RoomRequest] = [
            .describe(ann), .leave(ann, isAsked: true), .history(ann, query, requestID: "h"),
            .users(ann, limit: 10, requestID: "u"),
        ]
        for (place, question) in questions.enumerated() {
            worker.rooms.received(question, of: room)
            #expect(worker.sent.count == place + 1, "\(question)")
        }
        _ = worker.takeTexts(1)
        worker.rooms.received(.join(ann, from: nil), of: room)
        _ = worker.takeTexts(1)
        for (place, question) in questions.enumerated() {
            worker.rooms.received(question, of: room)
            worker.endTurn()
            #expect(worker.sent.filter { $0.key == 1 }.count == place + 1, "\(question)")
        }
    }

    @Test("A signal reaches all but its own connection, and nothing is kept of it", arguments: Mode.allCases)
    func signals(mode: Mode) throws {
        let scene = try Scene(mode)
        let (ann, bob) = (scene.worker.info("ann", 1, device: "desk"), scene.worker.info("bob", 2))
        _ = scene.join(ann)
        _ = scene.join(bob)
        scene.worker.endTurn()
        _ = (scene.texts(1), scene.texts(2))
        let body = try #require(SignalBody(Array("{\"name\":\"cursor\",\"data\":{\"x\": 1}}".utf8)))
        scene.worker.rooms.received(.signal(ann, body), of: room)
        scene.worker.endTurn()
        #expect(scene.texts(1).isEmpty)
        #expect(
            scene.texts(2) == [
                #"{"type":"signal","room":"room","user":"ann","device":"desk","name":"cursor","data":{"x": 1}}"#
            ])
        #expect(scene.owner.room.log.newestSeq == 0 && scene.owner.room.log.count == 0)
    }

    @Test("Where typing is paced so are signals: one of each user, and none in a large room")
    func pacedSignals() throws {
        let scene = try Scene(.local)
        let (ann, bob) = (scene.worker.info("ann", 1), scene.worker.info("bob", 2))
        _ = scene.join(ann)
        _ = scene.join(bob)
        scene.worker.core.load.adopt(
            .of(.light), reason: "test", scene.worker.core.configuration, at: scene.worker.core.loop.now)
        scene.worker.endTurn()
        _ = (scene.texts(1), scene.texts(2))
        let body = try #require(SignalBody(Array("{\"name\":\"a\"}".utf8)))
        scene.worker.rooms.received(.typing(ann, isTyping: true), of: room)
        for info in [ann, ann, bob] { scene.worker.rooms.received(.signal(info, body), of: room) }
        scene.worker.endTurn()
        #expect(scene.texts(2).count == 2 && scene.texts(1).count == 1)
        #expect(scene.worker.core.counters.shedCount(.typing) == 1)
    }

    @Test("A room that is dropped says so to each member, and lets go of it", arguments: Mode.allCases)
    func dropping(mode: Mode) throws {
        let scene = try Scene(mode)
        _ = scene.join(scene.worker.info("ann", 1))
        let wasThere = scene.worker.rooms.drop(room)
        #expect(wasThere && scene.worker.rooms.find(room) == nil)
        let notices = scene.worker.sent.filter { $0.key == 1 }
        #expect(notices.count == 1)
        if case .member(_, .roomDeleted(let id))? = notices.first?.message { #expect(id == room) }
        #expect(!scene.worker.rooms.drop(room))
    }

    @Test("With the store away a message is delivered without a place, and confirmed when it is back")
    func provisional() throws {
        let scene = try Scene(.replicated)
        let (ann, bob) = (scene.worker.info("ann", 1), scene.worker.info("bob", 2))
        _ = scene.join(ann)
        _ = scene.join(bob)
        scene.worker.endTurn()
        _ = (scene.texts(1), scene.texts(2))
        scene.worker.replication?.storeLost()
        scene.publish("kept", id: "k", ann)
        #expect(scene.texts(1).allSatisfy { $0.contains(#""durable":"local""#) })
        let seen = scene.texts(2)
        #expect(seen.count == 1 && seen[0].contains(#""provisional":true"#))
        #expect(scene.worker.replication?.outbox.messages == 1)
    }

    @Test("A full outbox refuses by name")
    func outboxFull() throws {
        let scene = try Scene(.replicated, ["OUTBOX_MESSAGES": "1"])
        let ann = scene.worker.info("ann", 1)
        _ = scene.join(ann)
        scene.worker.endTurn()
        scene.worker.replication?.storeLost()
        _ = scene.worker.takeTexts(1)
        scene.publish("kept", id: "1", ann)
        #expect(scene.worker.takeTexts(1).isEmpty)
        scene.publish("refused", id: "2", ann)
        let texts = scene.worker.takeTexts(1)
        #expect(texts.count == 1 && texts[0].contains(#""code":"outbox_full""#) && texts[0].contains(#""id":"2""#))
    }
}

@Suite("The wall clock may be set, and nothing is timed by it")
struct WallClockTests {
    /// Sets the wall clock forward, and lets the worker see it.
    private func jump(_ worker: TestWorker, minutes: Int) {
        let former = worker.core.loop.wallClock
        worker.core.loop.wallClock = { former() + minutes * 60_000 }
        let before = worker.core.loop.unixNow
        worker.core.loop.runTurn()
        #expect(worker.core.loop.unixNow - before >= minutes * 60_000)
        worker.rooms.expire()
        worker.users.expire()
    }

    @Test(
        "ten minutes on, an id still stands for its first commit; eight days on, nothing is forgotten",
        arguments: Mode.allCases)
    func jumps(mode: Mode) throws {
        let worker = try mode.worker()
        let (room, ann, bob) = (
            Identifier(unchecked: "room"), Identifier(unchecked: "ann"), Identifier(unchecked: "bob")
        )
        let info = worker.info("ann", 1)
        let owner = try #require(worker.rooms.open(room))
        owner.join(info, from: nil)
        func publish() {
            TestWorker.withFields("hello", id: "x") {
                owner.publish($0, user: ann, device: nil, author: .connection(info))
            }
            worker.endTurn()
        }
        let direct = TestWorker.withFields("psst", id: "y") { OwnedMessageFields($0) }
        worker.users.received(
            .direct(Direct(from: ann, to: bob, sender: info, deviceType: nil, fields: direct), from: info), of: bob)
        publish()
        jump(worker, minutes: 10)
        publish()
        #expect(owner.room.log.newestSeq == 1)
        jump(worker, minutes: 8 * 24 * 60)
        publish()
        #expect(worker.rooms.find(room) === owner && owner.room.log.newestSeq == 1 && owner.room.log.count == 1)
        #expect(worker.users.find(bob)?.user.openedInbox?.pendingCount == 1)
    }
}
