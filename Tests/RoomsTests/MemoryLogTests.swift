import Core
import Rooms
import TestSupport
import Testing
import WireProtocol

@Suite("A history in memory")
struct MemoryLogTests {
    @Test(
        "entries stand in the order of their commits, from 1 or from behind the fork", arguments: [0, 41] as [UInt64])
    func order(fork: UInt64) {
        let log = MemoryLog(epoch: "e", capacity: 10, forkedAt: fork)
        #expect(log.newestSeq == fork && log.oldestSeq == fork + 1 && log.count == 0 && log.storedBytes == 0)
        #expect(log.appendText("a") == fork + 1)
        #expect(log.appendText("b") == fork + 2)
        #expect(log.texts() == ["\(fork + 1):a", "\(fork + 2):b"])
        #expect(log.texts(after: fork + 1) == ["\(fork + 2):b"])
        #expect(log.texts(after: fork + 2).isEmpty && log.texts(after: fork + 3).isEmpty)
        #expect((512..<1024).contains(log.storedBytes))
    }

    @Test("the capacity at n and n + 1", arguments: [1, 15, 16, 17, 100])
    func capacity(_ most: Int) {
        let log = MemoryLog(epoch: "e", capacity: most)
        for _ in 0..<most { log.appendText() }
        #expect(log.count == most && log.oldestSeq == 1)
        log.appendText()
        #expect(log.count == most && log.oldestSeq == 2 && log.newestSeq == UInt64(most + 1))
    }

    @Test("capacity 0 gives seqs and frames, and keeps nothing")
    func nothingKept() {
        let log = MemoryLog(epoch: "e", capacity: 0)
        let frame = withText("a") { log.append($0, audience: nil, at: 1) }
        #expect(String(decoding: frame.payload, as: UTF8.self) == "a")
        #expect(log.newestSeq == 1 && log.oldestSeq == 2 && log.count == 0 && log.storedBytes == 0)
        #expect(log.texts().isEmpty)
    }

    @Test("a smaller capacity trims at once, a larger one brings nothing back")
    func capacityChanges() {
        let log = MemoryLog(epoch: "e", capacity: 40)
        for number in 1...40 { log.appendText("\(number)") }
        log.capacity = 3
        #expect(log.texts() == ["38:38", "39:39", "40:40"])
        log.capacity = 5
        log.appendText("41")
        #expect(log.texts() == ["38:38", "39:39", "40:40", "41:41"])
    }

    @Test("what was trimmed holds at most as many frames again")
    func memory() {
        let log = MemoryLog(epoch: "e", capacity: 20)
        // Each frame fills a buffer of its own, so that living buffers are held entries.
        let text = String(repeating: "x", count: 70_000)
        var buffers: [WeakBuffer] = []
        var most = 0
        for _ in 0..<200 {
            buffers.append(WeakBuffer(withText(text) { log.append($0, audience: nil, at: 1) }.buffer))
            most = max(most, buffers.count { $0.buffer != nil })
        }
        #expect((20...40).contains(most))
        log.expire(before: 2)
        // The arena lets go of the last one too.
        #expect(buffers.allSatisfy { $0.buffer == nil })
    }

    private struct WeakBuffer {
        weak var buffer: FrameBuffer?
        init(_ buffer: FrameBuffer) { self.buffer = buffer }
    }

    @Test("expiry takes what is older than the time, and only that")
    func expiry() {
        let log = MemoryLog(epoch: "e", capacity: 10)
        for time in [10, 20, 20, 30] { log.appendText("\(time)", at: time) }
        log.expire(before: 20)
        #expect(log.texts() == ["2:20", "3:20", "4:30"])
        log.expire(before: 21)
        #expect(log.texts() == ["4:30"])
        log.expire(before: 31)
        #expect(log.texts().isEmpty && log.oldestSeq == 5 && log.newestSeq == 4 && log.storedBytes == 0)
        #expect(log.appendText("40", at: 40) == 5)
        #expect(log.texts() == ["5:40"])
    }

    @Test("entries stop at the count, and behind the entry that passes the bytes")
    func bounds() {
        let log = MemoryLog(epoch: "e", capacity: 10)
        for _ in 0..<5 { log.appendText("12345678") }
        func seqs(_ count: Int, _ bytes: Int) -> [UInt64] {
            log.entries(after: 1, countMax: count, byteCountMax: bytes).map(\.seq)
        }
        #expect(seqs(0, .max).isEmpty)
        #expect(seqs(3, .max) == [2, 3, 4])
        #expect(seqs(4, .max) == [2, 3, 4, 5] && seqs(5, .max) == [2, 3, 4, 5])
        #expect(seqs(.max, 0) == [2])
        #expect(seqs(.max, 9) == [2] && seqs(.max, 10) == [2, 3] && seqs(.max, 19) == [2, 3])
        #expect(seqs(.max, 20) == [2, 3, 4])
    }

    @Test("what was not stored leaves holes, also at the end, and is no hole of what was trimmed")
    func holes() {
        let log = MemoryLog(epoch: "e", capacity: 3, forkedAt: 4)
        log.passUnstored(upTo: 6)
        #expect(log.newestSeq == 6 && log.oldestSeq == 5 && log.count == 0 && log.firstSeq(after: 0) == nil)
        #expect(log.appendText() == 7 && log.appendText() == 8)
        log.passUnstored(upTo: 11)
        log.passUnstored(upTo: 10)
        #expect(log.newestSeq == 11 && log.oldestSeq == 5 && log.appendText() == 12)
        #expect(log.texts() == ["7:entry", "8:entry", "12:entry"] && log.texts(after: 8) == ["12:entry"])
        #expect(log.count(after: 6) == 3 && log.count(after: 9) == 1 && log.count(after: 12) == 0)
        #expect(log.firstSeq(after: 8) == 12 && log.firstSeq(after: 12) == nil)
        #expect(log.entries(before: 12, countMax: 1).map(\.seq) == [8])
        #expect(log.entries(before: .max, countMax: 2).map(\.seq) == [8, 12])
        #expect(log.entries(before: 7, countMax: .max).isEmpty && log.entries(before: 0, countMax: .max).isEmpty)
        log.appendText()
        #expect(log.oldestSeq == 8 && log.count == 3)
        log.appendText()
        // Between 8 and 12 nothing was stored, so nothing of it was trimmed.
        #expect(log.oldestSeq == 9 && log.firstSeq(after: 0) == 12)
    }

    @Test("random operations against a plain list", arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func random(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var capacity = Int.random(in: 0...40, using: &random)
        let log = MemoryLog(epoch: "e", capacity: capacity)
        var model: [(seq: UInt64, text: String, time: Int)] = []
        var newest: UInt64 = 0
        var trimmed: UInt64 = 0
        var now = 0
        for step in 0..<3000 {
            switch Int.random(in: 0..<20, using: &random) {
            case 0:
                let time = now - Int.random(in: 0...60, using: &random)
                log.expire(before: time)
                trimmed = model.last { $0.time < time }?.seq ?? trimmed
                model.removeAll { $0.time < time }
            case 1 where step % 10 == 0:
                capacity = Int.random(in: 0...40, using: &random)
                log.capacity = capacity
            case 6 where step % 3 == 0:
                newest += UInt64.random(in: 0...20, using: &random)
                log.passUnstored(upTo: newest)
            case 7:
                let before = UInt64(Int.random(in: max(0, Int(newest) - 50)...(Int(newest) + 2), using: &random))
                let countMax = Int.random(in: 0...50, using: &random)
                let expected = model.map(\.seq).filter { $0 < before }.suffix(countMax)
                let found = log.entries(before: before, countMax: countMax).map(\.seq)
                #expect(found == Array(expected), "seed \(seed), step \(step)")
                let behind = model.filter { $0.seq > before }
                #expect(log.count(after: before) == behind.count && log.firstSeq(after: before) == behind.first?.seq)
            case 2...5:
                let after = UInt64(Int.random(in: max(0, Int(newest) - 50)...(Int(newest) + 2), using: &random))
                let countMax = Int.random(in: 0...50, using: &random)
                let bytesMax = Int.random(in: 0...2000, using: &random)
                var expected: [UInt64] = []
                var bytes = 0
                for entry in model where entry.seq > after && expected.count < countMax && bytes <= bytesMax {
                    expected.append(entry.seq)
                    bytes += frameLength(entry.text)
                }
                let found = log.entries(after: after, countMax: countMax, byteCountMax: bytesMax).map(\.seq)
                #expect(found == expected, "seed \(seed), step \(step)")
            default:
                now += Int.random(in: 0...3, using: &random)
                newest += 1
                let text = String(repeating: "t", count: Int.random(in: 1...300, using: &random)) + "\(newest)"
                model.append((newest, text, now))
                log.appendText(text, at: now)
            }
            let surplus = max(0, model.count - capacity)
            if surplus > 0 { trimmed = model[surplus - 1].seq }
            model.removeFirst(surplus)
            let isSame =
                log.count == model.count && log.newestSeq == newest
                && log.oldestSeq == trimmed + 1
                && log.storedBytes >= model.reduce(0) { $0 + frameLength($1.text) }
            #expect(isSame, "seed \(seed), step \(step)")
            guard isSame else { return }
        }
        #expect(log.texts() == model.map { "\($0.seq):\($0.text)" }, "seed \(seed)")
    }

    private func frameLength(_ text: String) -> Int { text.utf8.count + (text.utf8.count < 126 ? 2 : 4) }
}
