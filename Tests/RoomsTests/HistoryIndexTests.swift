import Core
import TestSupport
import Testing
import WireProtocol

@testable import Rooms

@Suite("An index of a history by message ids")
struct HistoryIndexTests {
    private func room(_ size: Int) -> Room {
        Room(
            id: Identifier(unchecked: "room"), settings: RoomSettings(historySize: size), isConfigured: false,
            epoch: "e", createdAt: 0, at: 0, in: StoredMessages())
    }

    private func append(_ body: [UInt8], to room: Room) {
        var writer = JSONWriter()
        body.withUnsafeBytes { writer.message(in: room.historyHead, seq: room.log.newestSeq + 1, body: $0) }
        _ = room.appendShared(writer.bytes, at: 0)
    }

    @Test("What is held is found by user and id, with its seq and time, and nothing else is")
    func finding() {
        let room = room(3)
        for number in 1...4 { append(sampleBody("i\(number)", time: number), to: room) }
        #expect(room.held(like: sampleBody("i1")) == nil)
        #expect(room.held(like: sampleBody("i2", content: "9")) == .init(seq: 2, time: 2))
        #expect(room.held(like: sampleBody("i4")) == .init(seq: 4, time: 4))
        #expect(room.held(like: sampleBody("i4", user: "bob")) == nil)
        #expect(room.held(like: []) == nil && room.held(like: Array("x".utf8)) == nil)
        room.replaceHistory(epoch: "e2", forkedAt: 4)
        #expect(room.held(like: sampleBody("i4")) == nil)
    }

    @Test("Where messages are not stored the seqs have holes, and what is held is found all the same")
    func holes() {
        let room = room(10)
        append(sampleBody("a"), to: room)
        room.passUnstored(upTo: 7)
        append(sampleBody("b"), to: room)
        #expect(room.held(like: sampleBody("a"))?.seq == 1 && room.held(like: sampleBody("b"))?.seq == 8)
        #expect(room.log.entry(at: 4) == nil && room.log.entry(at: 8)?.seq == 8 && room.log.entry(at: 9) == nil)
        #expect(room.log.entry(at: 0) == nil && room.log.entry(at: .max) == nil)
    }

    @Test(
        "It says the same as a search through the history, whatever was appended",
        arguments: 1...40 as ClosedRange<UInt64>)
    func model(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let room = room(Int.random(in: 0...20, using: &random))
        for _ in 0..<300 {
            if Int.random(in: 0..<10, using: &random) == 0 { room.passUnstored(upTo: room.log.newestSeq + 3) }
            append(sampleBody("i\(Int.random(in: 0..<30, using: &random))"), to: room)
            let wanted = sampleBody("i\(Int.random(in: 0..<30, using: &random))")
            let found = room.bodies.last { MessageKey.areSame($0.body, wanted) }?.seq
            #expect(room.held(like: wanted)?.seq == found, "seed \(seed)")
            #expect(room.index.count <= room.log.count, "seed \(seed)")
        }
    }

    @Test("Of what members saw, the newest thousand messages are remembered")
    func unheld() {
        var unheld = UnheldMessages()
        for number in 0...UInt64(2 * UnheldMessages.countMax) {
            unheld.append(SeenEntry(seq: number, body: sampleBody("i\(number)")))
        }
        let oldest = UInt64(UnheldMessages.countMax) + 1
        #expect(unheld.count == UnheldMessages.countMax)
        #expect(unheld.entry(like: sampleBody("i\(oldest - 1)")) == nil)
        #expect(unheld.entry(like: sampleBody("i\(oldest)"))?.seq == oldest)
        #expect(unheld.removeAll().count == UnheldMessages.countMax && unheld.count == 0)
    }

    @Test("Entries that come early are kept up to a bound")
    func early() {
        var early = EarlyEntries()
        for seq in 2...UInt64(EarlyEntries.countMax) + 2 { early.keep(sampleEntry(seq), of: "e") }
        #expect(early.count == EarlyEntries.countMax && early.firstSeq(of: "e") == 2)
        early.forget("e", upTo: 10)
        #expect(early.firstSeq(of: "e") == 11 && early.firstSeq(of: "x") == nil)
        early.forget(allBut: "x")
        #expect(early.count == 0)
    }
}
