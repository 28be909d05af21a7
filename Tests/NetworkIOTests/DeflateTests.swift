import NetworkIO
import TestSupport
import Testing

@Suite("RFC 7692 §7.2 compressing and inflating messages")
struct DeflateTests {
    private enum Result: Equatable {
        case whole([UInt8])
        case tooLarge
        case broken

        static func whole(_ text: String) -> Result { .whole(Array(text.utf8)) }
    }

    private func inflate(_ message: [UInt8], max: Int = 1 << 20, with inflater: Inflater = Inflater()) -> Result {
        let inflated = message.withUnsafeBytes { inflater.inflate($0, byteCountMax: max) }
        switch inflated {
        case .whole(let bytes): return .whole(Array(bytes))
        case .tooLarge: return .tooLarge
        case .broken: return .broken
        }
    }

    private func deflate(_ message: [UInt8], room: Int? = nil, with deflater: Deflater) -> [UInt8]? {
        var target = [UInt8](repeating: 0xAA, count: room ?? message.count * 9 / 8 + 64)
        return message.withUnsafeBytes { source in
            target.withUnsafeMutableBytes { target in
                deflater.deflate(source, into: target).map { Array(target[..<$0]) }
            }
        }
    }

    private func noise(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SplitMix64(seed: seed)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    @Test("§7.2.3 the examples")
    func examples() {
        // §7.2.3.1, both fragments joined.
        #expect(inflate([0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]) == .whole("Hello"))
        // §7.2.3.3: a block without compression.
        #expect(inflate([0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00]) == .whole("Hello"))
        // §7.2.3.4: a block with BFINAL, and the byte that makes room for the tail.
        #expect(inflate([0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00]) == .whole("Hello"))
        // §7.2.3.5: two blocks in one message.
        #expect(
            inflate([0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00]) == .whole("Hello"))
        // §7.2.3.6: the empty message, as it should be and as some send it.
        #expect(inflate([0x00]) == .whole(""))
        #expect(inflate([]) == .whole(""))
    }

    @Test("§7.2.3.2 without context takeover a message knows nothing of the one before")
    func noTakeover() {
        let inflater = Inflater()
        let hello: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
        for _ in 0..<3 { #expect(inflate(hello, with: inflater) == .whole("Hello")) }
        // The RFC's second "Hello" with takeover refers to the first one.
        #expect(inflate([0xF2, 0x00, 0x11, 0x00, 0x00], with: inflater) == .broken)
        #expect(inflate(hello, with: inflater) == .whole("Hello"))
    }

    @Test("Several blocks with BFINAL follow each other at whole bytes")
    func finalBlocks() {
        let final: [UInt8] = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
        #expect(inflate(final) == .whole("Hello"))
        #expect(inflate(final + final + [0x00]) == .whole("HelloHello"))
        let many = Array(repeatElement(final, count: 1000).joined())
        #expect(inflate(many, max: 5000) == .whole(Array(String(repeating: "Hello", count: 1000).utf8)))
        #expect(inflate(many, max: 4999) == .tooLarge)
    }

    @Test("A message that kept the four bytes which end a flush is a message")
    func keptTail() {
        #expect(inflate([0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00, 0x00, 0xFF, 0xFF]) == .whole("Hello"))
    }

    @Test("What is no DEFLATE data, or ends within a block")
    func broken() throws {
        for bytes: [UInt8] in [
            // A block type that does not exist; lengths that contradict each other; a reference before the start.
            [0x07], [0xFF], [0x00, 0x05, 0x00, 0x00, 0x00, 0x48], [0xF2, 0x00, 0x11, 0x00, 0x00],
            // A block without compression that ends too soon.
            [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48],
        ] {
            #expect(inflate(bytes) == .broken, "\(bytes)")
        }
        // A message cut off anywhere: never taken for whole with all its content.
        let text = Array("a message with some words, and these words again: a message with some words".utf8)
        let whole = try #require(deflate(text, with: Deflater(windowBits: 13)))
        #expect(inflate(whole) == .whole(text))
        for length in 1..<(whole.count - 1) { #expect(inflate(Array(whole[..<length])) != .whole(text)) }
    }

    @Test("The limit, at n and n + 1", arguments: [0, 1, 125, 16383, 16384, 16385, 65536, 300_000])
    func limit(count: Int) throws {
        let deflater = Deflater(windowBits: 13)
        for message in [[UInt8](repeating: 0x61, count: count), noise(count, seed: UInt64(count))] {
            let packed = try #require(deflate(message, with: deflater))
            #expect(inflate(packed, max: count) == .whole(message))
            if count > 0 { #expect(inflate(packed, max: count - 1) == .tooLarge) }
        }
    }

    @Test("Of a bomb no more is made than the limit and a byte")
    func bomb() throws {
        let zeros = [UInt8](repeating: 0, count: 1 << 24)
        let packed = try #require(deflate(zeros, with: Deflater(windowBits: 13)))
        #expect(packed.count < zeros.count / 200)
        let inflater = Inflater()
        #expect(inflate(packed, max: 65536, with: inflater) == .tooLarge)
        // The next message is none the worse.
        #expect(inflate([0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00], max: 5, with: inflater) == .whole("Hello"))
    }

    @Test("Seeded messages come back, in every window", arguments: 9...15)
    func roundTrips(windowBits: Int) throws {
        let seed = UInt64(7692 + windowBits)
        var random = SplitMix64(seed: seed)
        let (deflater, inflater) = (Deflater(windowBits: windowBits), Inflater())
        for round in 0..<100 {
            let count = Int.random(in: 1...(round % 10 == 0 ? 200_000 : 3000), using: &random)
            // Of few different bytes, so that there is something to find, near and far.
            let values = UInt8.random(in: 1...255, using: &random)
            let message = (0..<count).map { _ in UInt8.random(in: 0...values, using: &random) }
            let packed = try #require(deflate(message, with: deflater))
            #expect(inflate(packed, max: count, with: inflater) == .whole(message), "seed \(seed), round \(round)")
            if round % 10 == 0 { inflater.settle() }
        }
    }

    @Test("Random bytes are inflated or refused, within the limit")
    func randomInput() {
        let inflater = Inflater()
        for seed in 0..<2000 as Range<UInt64> {
            var bytes = noise(Int(seed % 97) + 1, seed: seed)
            // Half of them with a block type that exists.
            if seed % 2 == 0 { bytes[0] = (bytes[0] & 0xF8) | [0x00, 0x02, 0x04][Int(seed / 2 % 3)] }
            if case .whole(let message) = inflate(bytes, max: 1000, with: inflater) { #expect(message.count <= 1000) }
        }
    }

    @Test("What does not fit is said, and the next message is none the worse")
    func noRoom() throws {
        let deflater = Deflater(windowBits: 9)
        let message = noise(1000, seed: 3)
        let length = try #require(deflate(message, with: deflater)).count
        #expect(length > 1000)
        #expect(deflate(message, room: 1000, with: deflater) == nil)
        // The tail that is cut off, and one byte that shows that the flush was complete.
        #expect(deflate(message, room: length + 4, with: deflater) == nil)
        #expect(deflate(message, room: length + 5, with: deflater)?.count == length)
        #expect(inflate(try #require(deflate(message, with: deflater))) == .whole(message))
    }
}
