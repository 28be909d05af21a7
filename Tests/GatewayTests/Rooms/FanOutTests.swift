import Core
import Rooms
import TestSupport
import Testing
import WireProtocol

@testable import Gateway

@Suite("Delivery of a room's batch to the members of one worker")
struct FanOutTests {
    private static let room = Identifier(unchecked: "room")

    /// The batch's word on one frame: the naive model's form of it.
    private struct Said {
        let frame: [UInt8]
        /// The key of the connection that must see something else, and its worker.
        var author: (key: UInt64, worker: Int)?
        var ack: [UInt8]?
        var isReplacement = false
        var isMessage = false
    }

    private struct Scene {
        var random: SplitMix64
        var arena = FrameArena(capacityMin: 512, capacityMax: 4096)
        let batch = RoomBatch(room: FanOutTests.room)
        var said: [Said] = []

        /// Sometimes in a buffer of its own, so that a run has several segments.
        mutating func frame(_ text: String) -> FrameSlice {
            let bytes = Array(text.utf8)
            if Int.random(in: 0...5, using: &random) == 0 {
                arena = FrameArena(capacityMin: 512, capacityMax: 4096)
            }
            return bytes.withUnsafeBytes { arena.frame(.text, $0) }
        }

        mutating func say(_ number: Int, keys: [UInt64]) {
            let length = Int.random(in: 0...3, using: &random) == 0 ? Int.random(in: 0...3000, using: &random) : 8
            let text = "\(number) " + String(repeating: "word ", count: length / 5)
            let key = keys.randomElement(using: &random) ?? 0
            let worker = Int.random(in: 0...4, using: &random) == 0 ? 1 : 0
            let info = ConnectionInfo(
                user: Identifier(unchecked: "u"), device: Identifier(unchecked: "d"), deviceType: nil, worker: worker,
                socketKey: key, connectedAt: 0, userNumber: 1)
            let ack = frame("ack \(number)")
            switch Int.random(in: 0...5, using: &random) {
            case 0:
                let frame = frame(text)
                batch.append(frame)
                said.append(Said(frame: Array(frame.bytes)))
            case 1:
                // The ack of a repetition stands between two frames.
                batch.cut(for: info, length: 0, ack: ack)
                said.append(Said(frame: [], author: (key, worker), ack: Array(ack.bytes), isMessage: true))
            case 2:
                // Typing: not for its author.
                let frame = frame(text)
                batch.append(frame)
                batch.cut(for: info, length: frame.length, ack: nil)
                said.append(Said(frame: Array(frame.bytes), author: (key, worker)))
            case 3:
                let frame = frame(text)
                batch.append(frame)
                batch.cut(for: info, length: frame.length, replacement: ack)
                said.append(
                    Said(
                        frame: Array(frame.bytes), author: (key, worker), ack: Array(ack.bytes), isReplacement: true))
            default:
                let frame = frame(text)
                batch.append(message: frame)
                batch.cut(for: info, length: frame.length, ack: ack)
                said.append(
                    Said(frame: Array(frame.bytes), author: (key, worker), ack: Array(ack.bytes), isMessage: true))
            }
        }
    }

    /// The frames of one connection: every frame in order, but in the place of its own the ack, and the frame only with
    /// echo.
    private func expected(_ said: [Said], _ key: UInt64, isMember: Bool, wantsEcho: Bool) -> [[UInt8]] {
        var frames: [[UInt8]] = []
        for one in said {
            let isOwn = one.author.map { $0.key == key && $0.worker == 0 } ?? false
            if isOwn {
                if let ack = one.ack { frames.append(ack) }
                let wantsOwn = one.ack != nil && wantsEcho && !one.isReplacement
                if isMember, wantsOwn, !one.frame.isEmpty { frames.append(one.frame) }
            } else if isMember, !one.frame.isEmpty {
                frames.append(one.frame)
            }
        }
        return frames
    }

    @Test(
        "Every member gets others' frames in order, its own only with echo, and its acks in their places",
        arguments: 0..<400 as Range<UInt64>)
    func model(seed: UInt64) throws {
        let worker = try TestWorker()
        var scene = Scene(random: SplitMix64(seed: seed))
        let members = (1...UInt64.random(in: 1...9, using: &scene.random)).map { key in
            TestMember(
                key, wantsEcho: Bool.random(using: &scene.random), isDeflateAgreed: Bool.random(using: &scene.random))
        }
        // Members that are in, one that has left, and a key that nobody has.
        let outside = TestMember(100, wantsEcho: true)
        let delivery = LocalDelivery<TestMember>(
            worker.core,
            find: { key in
                key == outside.key ? outside : members.first { $0.key == key }
            })
        let local = delivery.open(Self.room, owner: nil)
        for member in members { member.enter(local) }
        let keys = members.prefix(4).map(\.key) + [outside.key, 999]
        let count = seed % 3 == 0 ? 1 : Int.random(in: 1...30, using: &scene.random)
        for number in 0..<count { scene.say(number, keys: keys) }
        if seed % 2 == 0 { scene.batch.compress(with: worker.core.compressor, windowBits: 12) }
        local.deliver(scene.batch, isTurnEnding: seed % 5 != 0)
        for member in members + [outside] {
            let frames = member.takeFrames()
            let wanted = expected(
                scene.said, member.key, isMember: member !== outside, wantsEcho: member.wantsEcho)
            let isPlain = !member.isDeflateAgreed || scene.batch.compressed.segments.isEmpty
            if isPlain {
                #expect(frames == wanted, "seed \(seed), member \(member.key)")
            } else {
                #expect(frames.count == wanted.count, "seed \(seed), member \(member.key)")
            }
            #expect(member.firstCut == -1, "seed \(seed)")
            let answers = scene.said.count { $0.ack != nil && !$0.isReplacement && $0.author! == (member.key, 0) }
            #expect(member.answerCount == answers, "seed \(seed), member \(member.key)")
        }
    }

    @Test("What was delivered is counted: all messages to all members, but for an author's own without echo")
    func counting() throws {
        let worker = try TestWorker()
        let members = (1...3).map { TestMember(UInt64($0), wantsEcho: $0 == 2) }
        let delivery = LocalDelivery<TestMember>(worker.core, find: { key in members.first { $0.key == key } })
        let local = delivery.open(Self.room, owner: nil)
        for member in members { member.enter(local) }
        var scene = Scene(random: SplitMix64(seed: 1))
        for author in 1...2 as ClosedRange<UInt64> {
            let frame = scene.frame("a message")
            scene.batch.append(message: frame)
            let info = worker.info("u", author)
            scene.batch.cut(for: info, length: frame.length, ack: scene.frame("an ack"))
        }
        local.deliver(scene.batch, isTurnEnding: true)
        #expect(worker.core.counters.messagesOut.value == 5)
    }

    @Test("A member that leaves is out of the array, and the last one has its place", arguments: [1, 2, 3, 70])
    func leaving(count: Int) throws {
        let worker = try TestWorker()
        let delivery = LocalDelivery<TestMember>(worker.core, find: { _ in nil })
        let local = delivery.open(Self.room, owner: nil)
        let members = (0..<count).map { TestMember(UInt64($0)) }
        for member in members { member.enter(local) }
        #expect(local.count == count)
        members[0].leave(delivery)
        #expect(local.count == count - 1)
        if count > 1 { #expect(members[count - 1].place == 0) }
        for member in members.dropFirst() { member.leave(delivery) }
        #expect(local.isEmpty)
        // The room is forgotten with its last member.
        #expect(delivery.open(Self.room, owner: nil) !== local)
    }
}
