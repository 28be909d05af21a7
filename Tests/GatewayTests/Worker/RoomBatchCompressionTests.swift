import Core
import NetworkIO
import Rooms
import TestSupport
import Testing
import WireProtocol

@testable import Gateway

@Suite("The compressed form of a room's batch")
struct RoomBatchCompressionTests {
    private static let author = ConnectionInfo(
        user: Identifier(unchecked: "ann"), device: Identifier(unchecked: "d"), deviceType: nil, worker: 0,
        socketKey: 1, connectedAt: 0, userNumber: 1, windowBits: 13)

    private var arena = FrameArena(capacityMin: 512, capacityMax: 64 * 1024)
    private let compressor = MessageCompressor()
    private let inflater = Inflater()
    private var batch = RoomBatch(room: Identifier(unchecked: "room"))

    private mutating func append(_ text: String) -> FrameSlice {
        let frame = Array(text.utf8).withUnsafeBytes { arena.frame(.text, $0) }
        batch.append(frame)
        return frame
    }

    /// The texts of the frames in a range of a run, inflated where they are compressed.
    private func texts(_ run: FrameRun, _ range: Range<Int>? = nil) -> [String] {
        let bytes = run.segments.flatMap { Array($0.bytes) }
        #expect(bytes.count == run.byteCount)
        let buffer = bytes[range ?? 0..<bytes.count].withUnsafeBytes { FrameBuffer(copying: $0) }
        var rest = FrameSlice(buffer: buffer, offset: 0, length: buffer.count)
        var texts: [String] = []
        while rest.length > 0 {
            let frame = rest.firstFrame
            texts.append(text(frame))
            rest.offset += frame.length
            rest.length -= frame.length
        }
        return texts
    }

    private func text(_ frame: FrameSlice) -> String {
        guard frame.bytes[0] & 0x40 != 0 else { return String(decoding: frame.payload, as: UTF8.self) }
        switch inflater.inflate(frame.payload, byteCountMax: 1 << 20) {
        case .whole(let bytes): return String(decoding: bytes, as: UTF8.self)
        case .tooLarge, .broken: return "(broken)"
        }
    }

    @Test("The threshold, at n and n - 1; and what does not get smaller stays as it is")
    mutating func threshold() throws {
        let least = MessageCompressor.payloadBytesMin
        let frame = append(String(repeating: "a", count: least))
        let compressed = try #require(compressor.compressed(frame, windowBits: 13))
        #expect(compressed.length < frame.length && text(compressed) == text(frame))
        #expect(compressor.compressed(append(String(repeating: "a", count: least - 1)), windowBits: 13) == nil)
        var random = SplitMix64(seed: 1)
        let noise = (0..<least).map { _ in UInt8.random(in: 0...255, using: &random) }
        #expect(compressor.compressed(noise.withUnsafeBytes { arena.frame(.binary, $0) }, windowBits: 13) == nil)
    }

    @Test("Nothing to gain: no second form")
    mutating func nothingToGain() {
        for _ in 0..<100 { _ = append("a short frame") }
        batch.compress(with: compressor, windowBits: 13)
        #expect(batch.compressed.segments.isEmpty && batch.compressed.byteCount == 0)
    }

    @Test("Short and long frames stay in their order, in one slice")
    mutating func order() {
        let long = String(repeating: "again and ", count: 100)
        let sent = ["first", long, "third", long + "4", long + "5", "sixth"]
        for text in sent { _ = append(text) }
        batch.compress(with: compressor, windowBits: 13)
        #expect(texts(batch.plain) == sent && texts(batch.compressed) == sent)
        #expect(batch.compressed.segments.count == 1)
        #expect(batch.compressed.byteCount < batch.byteCount / 4)
        batch.removeAll()
        #expect(batch.isEmpty && batch.compressed.segments.isEmpty)
    }

    @Test("Every cut is at the same frame in both forms", arguments: 0..<50 as Range<UInt64>)
    mutating func cuts(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for number in 0..<Int.random(in: 1...60, using: &random) {
            let length = Int.random(in: 0...2, using: &random) == 0 ? Int.random(in: 0...3000, using: &random) : 20
            let text = "\(number) " + String(repeating: "words ", count: length / 6)
            switch Int.random(in: 0...3, using: &random) {
            case 0: _ = append(text)
            // An ack of a duplicate.
            case 1: batch.cut(for: Self.author, length: 0, ack: nil)
            default:
                let frame = append(text)
                batch.cut(for: Self.author, length: frame.length, ack: nil)
            }
        }
        _ = append(String(repeating: "so that there is a gain ", count: 20))
        // The last ones may stand behind everything.
        if seed % 2 == 0 { batch.cut(for: Self.author, length: 0, ack: nil) }
        batch.compress(with: compressor, windowBits: Int.random(in: 9...13, using: &random))
        #expect(texts(batch.compressed) == texts(batch.plain), "seed \(seed)")
        for cut in batch.cuts {
            let own = cut.start..<(cut.start + cut.length)
            #expect(texts(batch.compressed, cut.compressedRange) == texts(batch.plain, own), "seed \(seed)")
            let before = texts(batch.compressed, 0..<cut.compressedRange.lowerBound)
            #expect(before == texts(batch.plain, 0..<cut.start), "seed \(seed)")
        }
    }

    @Test("A room compresses for the narrowest window of those who are live")
    func windows() {
        var live = LiveMembers(workerCount: 1)
        func member(_ windowBits: Int) -> ConnectionInfo {
            ConnectionInfo(
                user: Identifier(unchecked: "ann"), device: Identifier(unchecked: "d"), deviceType: nil, worker: 0,
                socketKey: 1, connectedAt: 0, userNumber: 1, windowBits: windowBits)
        }
        let (plain, wide, narrow) = (member(0), member(13), member(9))
        live.wentLive(plain)
        #expect(live.windowBits == nil)
        live.wentLive(wide)
        #expect(live.windowBits == 13)
        live.wentLive(narrow)
        #expect(live.windowBits == 9)
        live.departed(plain)
        live.departed(wide)
        #expect(live.windowBits == 9)
        live.departed(narrow)
        #expect(live.windowBits == nil)
        live.wentLive(wide)
        #expect(live.windowBits == 13)
        // One that goes before it was live never counted.
        live.waits(narrow, with: LiveMembers.Replay(epoch: "e", from: nil))
        #expect(live.isReplaying(narrow) && !live.isReplaying(wide))
        live.departed(narrow)
        #expect(!live.isReplaying(narrow))
        #expect(live.windowBits == 13)
    }
}
