import ClusterState
import Core
import Logging
import NetworkIO
import Rooms
import WireProtocol

@testable import Gateway

/// One worker's rooms and users without a socket: what they send to connections is kept, in order.
final class TestWorker: WorkerMessageReceiver {
    let core: WorkerCore
    let replication: Replication?
    let rooms: RoomTable
    let users: UserTable
    /// The messages to connections, with their keys; a batch has the key 0.
    private(set) var sent: [(key: UInt64, message: WorkerMessage)] = []

    /// - Parameter store: the cluster's; nil for a single node.
    init(_ environment: [String: String] = [:], store: (any Store)? = nil) throws {
        let settings = environment.merging(["WORKERS": "1"]) { given, _ in given }
        let configuration = try Configuration.load(environment: settings, dotEnv: nil, cores: 1)
        let context = NodeContext(
            configuration: configuration, nodeID: "n", port: 1,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, connectionsMax: 1000, openFilesMax: 1024,
            startedAt: 0)
        let core = try WorkerCore(index: 0, context: context)
        self.core = core
        replication = try store.map { try Replication(core, $0) }
        let (publications, surveys) = (Publications(core), Surveys(core))
        rooms = RoomTable(core, replication, publications)
        users = UserTable(core, replication, publications, surveys)
        core.receiver = self
        replication?.owner = self
    }

    func received(_ message: WorkerMessage) {
        switch message {
        case .room(let id, let request): rooms.received(request, of: id)
        case .user(let id, let request): users.received(request, of: id)
        case .opening(_, .confirm(let arrival, let time, let session)):
            users.received(.attachConfirmed(arrival, at: time, session), of: arrival.user)
        case .opening(let key, _): sent.append((key, message))
        case .member(let info, let notice):
            if case .readAnswer(let frame) = notice { core.reads.ended(info.socketKey, bytes: frame.length) }
            sent.append((info.socketKey, message))
        case .deliver: sent.append((0, message))
        default: break
        }
    }

    /// Ends a turn: what was submitted is sent to the store, and batches are delivered.
    func endTurn() {
        core.continueReads()
        rooms.commit()
        users.commit()
        rooms.flush()
    }

    /// Takes the texts of all frames that went to a connection by itself, in order.
    func takeTexts(_ key: UInt64) -> [String] {
        defer { sent.removeAll { $0.key == key } }
        return sent.filter { $0.key == key }.flatMap { Self.frames(in: $0.message) }
            .map { String(decoding: $0.payload, as: UTF8.self) }
    }

    private static func frames(in message: WorkerMessage) -> [FrameSlice] {
        switch message {
        case .member(_, .joined(_, let frames, _, _)), .member(_, .frames(let frames)): frames
        case .member(_, .answer(let frame)): [frame]
        case .member(_, .described(let frame)), .member(_, .readAnswer(let frame)): [frame]
        case .member(_, .inboxReplayed(let replay)): replay.frames
        case .opening(_, .attached(_, _, _, let replay)): replay.frames
        default: []
        }
    }

    /// Has one connection make most of an overload, until it is limited.
    func overload(by key: UInt64, user: String, besides other: UInt64) {
        var controller = core.load.controller
        while !controller.turns.isLimiting {
            controller.turns.worked(
                40_000_000, by: .connection(worker: 0, socketKey: key), (Identifier(unchecked: user), nil))
            controller.turns.worked(1_000_000, by: .connection(worker: 0, socketKey: other), (nil, nil))
            controller.turns.passed(milliseconds: 50)
            controller.windowEnded(delayMicroseconds: 200_000, busy: 1, elapsed: 50)
        }
        core.load.controller = controller
    }

    func info(_ user: String, _ key: UInt64, device: String = "d") -> ConnectionInfo {
        ConnectionInfo(
            user: Identifier(unchecked: user), device: Identifier(unchecked: device), deviceType: nil, worker: 0,
            socketKey: key, connectedAt: core.loop.unixNow, userNumber: core.makeNumber())
    }

    /// Calls `body` with a message's fields.
    static func withFields<Result>(_ content: String, id: String?, _ body: (MessageFields) -> Result) -> Result {
        let idBytes = Array((id ?? "").utf8)
        let contentBytes = Array("\"\(content)\"".utf8)
        return idBytes.withUnsafeBytes { idBytes in
            contentBytes.withUnsafeBytes { contentBytes in
                body(
                    MessageFields(
                        id: id.map { _ in StringSlice(raw: idBytes, unescaped: nil) }, content: contentBytes,
                        messageType: nil, replyTo: nil))
            }
        }
    }
}

extension TestWorker: ReplicationOwner {
    func storeLost() {
        rooms.storeLost()
        users.storeLost()
    }

    func storeReturned() {
        rooms.storeReturned()
        users.storeReturned()
    }
}

/// A member that keeps what it was given.
final class TestMember: Recipient {
    let key: UInt64
    let wantsEcho: Bool
    let isDeflateAgreed: Bool
    var firstCut: Int32 = -1
    private(set) var place = -1
    /// Answers to messages of its own that came.
    private(set) var answerCount = 0
    private weak var members: LocalMembers<TestMember>?
    private var bytes: [UInt8] = []

    init(_ key: UInt64, wantsEcho: Bool = false, isDeflateAgreed: Bool = false) {
        self.key = key
        self.wantsEcho = wantsEcho
        self.isDeflateAgreed = isDeflateAgreed
    }

    func deliver(_ frame: FrameSlice) { bytes += Array(frame.bytes) }
    func deliverLast(_ frame: FrameSlice) { deliver(frame) }
    func answered() { answerCount += 1 }
    func isMember(of members: LocalMembers<TestMember>) -> Bool { self.members === members }
    func moved(in members: LocalMembers<TestMember>, to index: Int) { place = index }

    func enter(_ members: LocalMembers<TestMember>) {
        self.members = members
        place = members.insert(self)
    }

    func leave(_ delivery: LocalDelivery<TestMember>) {
        if let members { delivery.remove(from: members, at: place) }
        members = nil
    }

    /// The frames that came since the last call, as they are on the wire.
    func takeFrames() -> [[UInt8]] {
        defer { bytes = [] }
        let buffer = bytes.withUnsafeBytes { FrameBuffer(copying: $0) }
        var rest = FrameSlice(buffer: buffer, offset: 0, length: buffer.count)
        var frames: [[UInt8]] = []
        while rest.length > 0 {
            let frame = rest.firstFrame
            frames.append(Array(frame.bytes))
            rest.offset += frame.length
            rest.length -= frame.length
        }
        return frames
    }

    func takeTexts() -> [String] {
        takeFrames().map { bytes in
            let buffer = bytes.withUnsafeBytes { FrameBuffer(copying: $0) }
            let frame = FrameSlice(buffer: buffer, offset: 0, length: buffer.count)
            return String(decoding: frame.payload, as: UTF8.self)
        }
    }
}

extension LocalDelivery {
    /// - Parameter find: the member with a key, if it is there.
    convenience init(_ core: WorkerCore, find: @escaping (UInt64) -> Member?) {
        let fanOut = FanOut<Member>(worker: core.index)
        self.init(core) { [unowned core] batch, members, isTurnEnding in
            fanOut.distribute(
                batch, to: members, isTurnEnding: isTurnEnding, join: { core.scratch.join($0, $1) }, find: find)
        }
    }
}
