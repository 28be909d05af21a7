import Core
import Rooms
import Testing
import WireProtocol

@testable import Gateway

@Suite("A user at home, alone and in a cluster")
struct UserOwnerTests {
    private let ann = Identifier(unchecked: "ann")
    private let bob = Identifier(unchecked: "bob")

    private func attach(
        _ user: Identifier, _ key: UInt64, device: String?, _ worker: TestWorker
    ) -> (info: ConnectionInfo, session: WelcomeFrame.SessionState, inbox: WelcomeFrame.InboxState, [FrameSlice])? {
        let arrival = Arrival(
            user: user, device: device.map { Identifier(unchecked: $0) }, deviceType: nil, worker: 0, socketKey: key,
            windowBits: 0)
        worker.users.received(.attach(arrival), of: user)
        for case (key, .opening(_, .attached(let info, let session, let inbox, let replay))) in worker.sent {
            return (info, session, inbox, replay.frames)
        }
        return nil
    }

    private func send(_ id: String, from info: ConnectionInfo, to user: Identifier, _ worker: TestWorker) {
        let fields = TestWorker.withFields("hello", id: id) { OwnedMessageFields($0) }
        let direct = Direct(from: info.user, to: user, sender: info, deviceType: nil, fields: fields)
        worker.users.received(.direct(direct, from: info), of: user)
        worker.endTurn()
    }

    @Test("A first connection has a session of its own, a second one resumes it", arguments: Mode.allCases)
    func sessions(mode: Mode) throws {
        let worker = try mode.worker()
        let first = try #require(attach(ann, 1, device: "phone", worker))
        #expect(!first.session.isResumed && first.inbox.pending == 0)
        let second = try #require(attach(ann, 2, device: "desk", worker))
        #expect(second.session.isResumed && second.session.id == first.session.id)
        // The first device hears of the second.
        #expect(worker.takeTexts(1).contains { $0.contains(#""type":"device""#) && $0.contains("desk") })
    }

    @Test("The same device replaces its connection, and takes no further place", arguments: Mode.allCases)
    func replacing(mode: Mode) throws {
        let worker = try mode.worker(["MAX_CONNECTIONS_PER_USER": "1"])
        _ = try #require(attach(ann, 1, device: "phone", worker))
        _ = try #require(attach(ann, 2, device: "phone", worker))
        #expect(worker.sent.contains { if case (1, .member(_, .replaced)) = $0 { true } else { false } })
        #expect(attach(ann, 3, device: "desk", worker) == nil)
        #expect(worker.sent.contains { if case (3, .opening(_, .refused(.userLimit))) = $0 { true } else { false } })
    }

    @Test("A direct message is acked, kept while the receiver is away, and replayed", arguments: Mode.allCases)
    func directs(mode: Mode) throws {
        let worker = try mode.worker()
        let sender = try #require(attach(ann, 1, device: "phone", worker)).info
        send("m1", from: sender, to: bob, worker)
        let acks = worker.takeTexts(1)
        #expect(acks.count == 1 && acks[0].contains(#""to":"bob""#) && acks[0].contains(#""seq":1"#))
        send("m1", from: sender, to: bob, worker)
        let again = worker.takeTexts(1)
        #expect(again.count == 1 && again[0].contains(#""duplicate":true"#) && again[0].contains(#""seq":1"#))
        let receiver = try #require(attach(bob, 2, device: "desk", worker))
        #expect(receiver.inbox.pending == 1 && receiver.inbox.position.seq == 1 && receiver.3.count == 1)
        worker.users.received(.acknowledgeInbox(receiver.inbox.position, receiver.info), of: bob)
        let other = try #require(attach(bob, 3, device: "tv", worker))
        #expect(other.inbox.pending == 0 && other.3.isEmpty)
    }

    @Test("All connections of a user are removed", arguments: Mode.allCases)
    func removing(mode: Mode) throws {
        let worker = try mode.worker()
        _ = attach(ann, 1, device: "phone", worker)
        _ = attach(ann, 2, device: "desk", worker)
        var closed: Int?
        worker.users.removeConnections(of: ann) { closed = $0 }
        #expect(closed == 2)
        let removed = worker.sent.filter { if case .member(_, .removed) = $0.message { true } else { false } }
        #expect(removed.map(\.key).sorted() == [1, 2])
    }
}
