import TestSupport
import Testing
import WireProtocol

@testable import load_test

@Suite("Reading what the server sends")
struct FrameReadingTests {
    private func message(seq: Int, stamp: MessageStamp, bytes: Int = 60, user: String = "u1") -> [UInt8] {
        let stampText = withUnsafeTemporaryAllocation(byteCount: 32, alignment: 1) { target in
            if let base = target.baseAddress { stamp.write(to: base) }
            return String(decoding: target, as: UTF8.self)
        }
        let padding = String(repeating: "x", count: bytes - 36)
        return Array(
            ("{\"type\":\"message\",\"room\":\"r\",\"epoch\":\"e9\",\"seq\":\(seq),\"id\":\"load-1.\(stampText)\",\"user\":\"\(user)\","
                + "\"device\":\"load\",\"message_type\":\"text\",\"content\":\"LT1.\(stampText)\(padding)\",\"ts\":1}")
                .utf8)
    }

    @Test("stamps come back as they were written", arguments: UInt64(1)...20)
    func stamps(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let stamp = MessageStamp(
            sender: UInt32(truncatingIfNeeded: random.next()), counter: UInt32(truncatingIfNeeded: random.next()),
            intendedAt: random.next())
        var bytes = [UInt8](repeating: 0, count: 32)
        bytes.withUnsafeMutableBytes { if let base = $0.baseAddress { stamp.write(to: base) } }
        #expect(bytes.allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "p")).contains($0) })
        let read = bytes.withUnsafeBytes { bytes in bytes.baseAddress.flatMap { MessageStamp(at: $0) } }
        #expect(read == stamp)
        bytes[Int(random.next() % 32)] = UInt8(ascii: "q")
        #expect(bytes.withUnsafeBytes { bytes in bytes.baseAddress.flatMap { MessageStamp(at: $0) } } == nil)
    }

    @Test("a learned shape reads the next messages, whatever their seq, and no others")
    func shape() throws {
        let stamp = MessageStamp(sender: 3, counter: 9, intendedAt: 77)
        let first = message(seq: 7, stamp: stamp)
        let shape = try #require(
            first.withUnsafeBytes { DeliveryShape($0, frame: ServerFrame($0), contentBytes: 60) })
        for seq in [1, 8, 99, 100, 123_456_789] {
            let next = MessageStamp(sender: 4, counter: UInt32(seq), intendedAt: 1 << 40)
            let delivery = message(seq: seq, stamp: next).withUnsafeBytes { shape.read($0) }
            #expect(delivery?.seq == UInt64(seq) && delivery?.stamp == next)
        }
        // Another user name length, content length, epoch, type; cut short.
        let others = [
            message(seq: 8, stamp: stamp, user: "u10"), message(seq: 8, stamp: stamp, bytes: 61),
            Array(String(decoding: first, as: UTF8.self).replacing("e9", with: "e8").utf8),
            Array(String(decoding: first, as: UTF8.self).replacing("message\"", with: "massage\"").utf8),
            Array(first.dropLast(9)), Array(first.prefix(60)), [],
        ]
        for other in others { #expect(other.withUnsafeBytes { shape.read($0) == nil }) }
    }

    @Test("any order of members, blanks and nesting is read by the scan")
    func scan() {
        let text = """
            { "content" : "LT1.x" , "seq":12 ,"nested":{"seq":[1,{"a":"}\\""}]}, "room":"r", "epoch":"e\\"1",\
            "type":"message", "id":"i" }
            """
        Array(text.utf8).withUnsafeBytes { bytes in
            let frame = ServerFrame(bytes)
            #expect(frame.kind == .message && frame.seq == 12)
            #expect(String(decoding: frame.epoch, as: UTF8.self) == "e\\\"1")
            #expect(String(decoding: frame.content, as: UTF8.self) == "LT1.x")
        }
    }

    @Test("mutated frames never trap, and what is no frame is none", arguments: UInt64(1)...200)
    func mutations(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let stamp = MessageStamp(sender: 3, counter: 9, intendedAt: 77)
        let original = message(seq: 7, stamp: stamp)
        let shape = try #require(
            original.withUnsafeBytes { DeliveryShape($0, frame: ServerFrame($0), contentBytes: 60) })
        var bytes = original
        for _ in 0...(random.next() % 8) {
            switch random.next() % 3 {
            case 0 where !bytes.isEmpty: bytes.remove(at: Int(random.next() % UInt64(bytes.count)))
            case 1:
                bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: Int(random.next() % UInt64(bytes.count + 1)))
            default: bytes = Array(bytes.prefix(Int(random.next() % UInt64(bytes.count + 1))))
            }
        }
        bytes.withUnsafeBytes { bytes in
            let frame = ServerFrame(bytes)
            if let delivery = shape.read(bytes) { #expect(frame.seq == delivery.seq, "seed \(seed)") }
            _ = ServerFrame.concerns(bytes)
            _ = MessageTemplate.stamp(inContent: frame.content)
        }
    }

    @Test(
        "the template's frame is what the server expects, with a content of the size asked for",
        arguments: [36, 37, 5000])
    func template(bytes: Int) throws {
        let template = MessageTemplate(namePrefix: "load-ff", contentBytes: bytes)
        var arena = FrameArena(capacityMin: 1024, capacityMax: 4096)
        let stamp = MessageStamp(sender: 1, counter: 2, intendedAt: 3)
        let slice = template.frame(stamp, mask: 0xDEAD_BEEF, in: &arena)
        var decoder = WebSocketDecoder()
        var received = Array(slice.bytes)
        received.withUnsafeMutableBytes { received in
            let (consumed, event) = decoder.next(received, role: .server, messageBytesMax: 1 << 20)
            #expect(consumed == received.count)
            guard case .text(let text) = event else { Issue.record("no text"); return }
            let frame = ServerFrame(text)
            #expect(frame.kind == .message && frame.content.count == bytes && frame.id.count <= 64)
            #expect(MessageTemplate.stamp(inContent: frame.content) == stamp)
            #expect(template.stamp(inID: frame.id) == stamp)
        }
    }

    @Test("frames of others' coming and going are passed over, all others are read")
    func concerns() {
        func concerns(_ text: String) -> Bool { Array(text.utf8).withUnsafeBytes(ServerFrame.concerns) }
        for type in ["joined", "left", "presence", "typing", "read", "device", "welcome"] {
            #expect(!concerns("{\"type\":\"\(type)\",\"room\":\"r\"}"), "\(type)")
        }
        for type in ["message", "ack", "joined_room", "gap", "error"] {
            #expect(concerns("{\"type\":\"\(type)\",\"room\":\"r\"}"), "\(type)")
        }
        #expect(concerns("{\"room\":\"r\",\"type\":\"message\"}"))
    }
}
