import CHiredis
import ClusterState
import TestSupport
import Testing
import WireProtocol

@testable import RedisLink

@Suite("RESP")
struct RESPTests {
    /// Reads bytes that come in pieces; a fault's words stand behind the replies.
    private func read(
        _ pieces: [ArraySlice<UInt8>], replyBytesMax: Int = 1 << 20
    ) -> (replies: [StoreReply], fault: String?) {
        let reader = RESPReader(replyBytesMax: replyBytesMax)
        var replies: [StoreReply] = []
        do throws(RESPFault) {
            for piece in pieces {
                try Array(piece).withUnsafeBufferPointer { bytes throws(RESPFault) in
                    try reader.read(UnsafeRawBufferPointer(bytes)) { reply in
                        replies.append(reply.stored)
                        return true
                    }
                }
            }
        } catch {
            return (replies, error.description)
        }
        return (replies, nil)
    }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private static let stream =
        "+OK\r\n+\r\n-ERR no\r\n-OOM\r\n-\r\n:0\r\n:-9223372036854775808\r\n:9223372036854775807\r\n$5\r\na\r\nbc\r\n$0\r\n\r\n"
        + "$-1\r\n*-1\r\n*0\r\n*3\r\n:1\r\n*2\r\n$1\r\nx\r\n-MOVED 1\r\n$-1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:7\r\n"

    private static let replies: [StoreReply] = [
        .status("OK"), .status(""), .error(code: "ERR", message: "no"), .error(code: "OOM", message: ""),
        .error(code: "", message: ""), .integer(0), .integer(.min), .integer(.max), .bytes(Array("a\r\nbc".utf8)),
        .bytes([]), .null, .null, .array([]),
        .array([.integer(1), .array([.bytes([UInt8(ascii: "x")]), .error(code: "MOVED", message: "1")]), .null]),
        .array([.array([.array([.array([.array([.array([.array([.integer(7)])])])])])])]),
    ]

    @Test("all kinds of replies, whole, in two pieces at each place, and byte by byte")
    func splits() {
        let stream = bytes(Self.stream)
        #expect(read([stream[...]]).replies == Self.replies)
        for place in 0...stream.count {
            let (replies, fault) = read([stream[..<place], stream[place...]])
            #expect(replies == Self.replies && fault == nil, "split at \(place)")
        }
        let single = read(stream.indices.map { stream[$0...$0] })
        #expect(single.replies == Self.replies && single.fault == nil)
    }

    @Test("what is no RESP is a fault, behind the replies before it")
    func faults() {
        for text in ["hello\r\n", ":x\r\n", ":\r\n", "$x\r\n", "$-2\r\n", "*-2\r\n", "*x\r\n", "\r\n", "*1\r\n\u{0}"] {
            let (replies, fault) = read([bytes("+OK\r\n" + text)[...]])
            #expect(replies == [.status("OK")] && fault?.isEmpty == false, "\(text.debugDescription)")
        }
        // Eight levels of arrays, and nine.
        #expect(read([bytes(String(repeating: "*1\r\n", count: 8) + ":1\r\n")[...]]).replies.count == 1)
        #expect(read([bytes(String(repeating: "*1\r\n", count: 9) + ":1\r\n")[...]]).fault != nil)
    }

    @Test("an array of as many elements as are allowed, and of one more")
    func arrays() {
        let elementsMax = Int(sluice_redis_elements_max)
        let whole = bytes("*\(elementsMax)\r\n" + String(repeating: ":1\r\n", count: elementsMax))
        let reader = RESPReader(replyBytesMax: 1 << 23)
        var counts: [Int] = []
        whole.withUnsafeBytes { bytes in
            #expect(throws: Never.self) {
                try reader.read(bytes) { reply in
                    counts.append(reply.count)
                    #expect(reply.element(elementsMax - 1)?.integer == 1)
                    #expect(reply.element(elementsMax) == nil && reply.element(-1) == nil)
                    return true
                }
            }
        }
        #expect(counts == [elementsMax])
        // One more is read past, and what follows is there.
        let more = bytes("*\(elementsMax + 1)\r\n" + String(repeating: ":1\r\n", count: elementsMax + 1) + "+OK\r\n")
        let (replies, fault) = read([more[...]], replyBytesMax: 1 << 23)
        #expect(replies.map(code) == [StoreFault.tooLargeCode, nil] && fault == nil)
    }

    @Test("a reply is as large as allowed, and no larger; replies together may be")
    func size() {
        let text = bytes("$100\r\n" + String(repeating: "x", count: 100) + "\r\n")
        let many = Array(repeating: text[...], count: 1000)
        #expect(read(many, replyBytesMax: text.count).replies.count == 1000)
        let halves = [text[..<60], text[60...]]
        #expect(read(halves, replyBytesMax: 60).replies.count == 1)
        #expect(read(halves, replyBytesMax: 59).replies.map(code) == [StoreFault.tooLargeCode])
        // The one byte that says what it is does not count.
        #expect(read(halves, replyBytesMax: 58).fault == "a value of more than 58 bytes")
    }

    private func code(_ reply: StoreReply) -> String? {
        if case .error(let code, _) = reply { code } else { nil }
    }

    @Test("of a reply that is too large the rest is read past, wherever that begins; what follows is there")
    func past() {
        let element = "*2\r\n$6\r\nabcdef\r\n*3\r\n:12\r\n$-1\r\n-E f\r\n"
        let large = "*40\r\n" + String(repeating: element, count: 40)
        let stream = bytes(":1\r\n" + large + ":2\r\n" + large + ":3\r\n")
        for size in 1...200 {
            let pieces = stride(from: 0, to: stream.count, by: size).map { stream[$0..<min($0 + size, stream.count)] }
            let (replies, fault) = read(pieces, replyBytesMax: 300)
            let codes = replies.map(code)
            #expect(codes == [nil, StoreFault.tooLargeCode, nil, StoreFault.tooLargeCode, nil], "\(size)")
            #expect(replies[2] == .integer(2) && replies[4] == .integer(3) && fault == nil, "\(size)")
        }
    }

    @Test("a reader whose owner has enough drops the rest")
    func stops() throws {
        let reader = RESPReader(replyBytesMax: 1000)
        var seen = 0
        try bytes(":1\r\n:2\r\n:3\r\n").withUnsafeBytes { bytes in
            try reader.read(bytes) { reply in
                seen += 1
                return reply.integer != 2
            }
        }
        #expect(seen == 2)
    }

    @Test("the borrowed view gives nothing that is not there")
    func view() throws {
        let reader = RESPReader(replyBytesMax: 1000)
        var kinds: [RedisReply.Kind] = []
        try bytes("*6\r\n:5\r\n$2\r\nab\r\n+st\r\n-E f\r\n$-1\r\n*0\r\n").withUnsafeBytes { bytes in
            try reader.read(bytes) { reply in
                let elements = (0..<reply.count).compactMap { reply.element($0) }
                kinds = elements.map(\.kind)
                #expect(elements.map(\.integer) == [5, nil, nil, nil, nil, nil])
                #expect(elements.map(\.text) == ["", "ab", "st", "E f", "", ""])
                #expect(elements.map { $0.error?.code } == [nil, nil, nil, "E", nil, nil])
                #expect(elements.map(\.count) == [0, 0, 0, 0, 0, 0] && elements[0].element(0) == nil)
                #expect(elements[1].says("ab") && !elements[1].says("a") && !elements[1].says("abc"))
                return true
            }
        }
        #expect(kinds == [.integer, .bytes, .status, .error, .null, .array])
    }

    @Test("random bytes, and replies with bytes changed, never trap")
    func randomBytes() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        let alphabet = bytes("+-:$*\r\n0123456789-\r\nabc\u{0}")
        var (faults, replies) = (0, 0)
        for round in 0..<20_000 {
            var stream: [UInt8]
            if round % 2 == 0 {
                stream = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                    alphabet.randomElement(using: &random) ?? 0
                }
            } else {
                stream = bytes(Self.stream)
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    let place = Int.random(in: 0..<stream.count, using: &random)
                    stream[place] = alphabet.randomElement(using: &random) ?? 0
                }
            }
            let place = Int.random(in: 0...stream.count, using: &random)
            let result = read([stream[..<place], stream[place...]], replyBytesMax: 4096)
            if result.fault != nil { faults += 1 }
            replies += result.replies.count
        }
        #expect(faults > 1000 && replies > 1000, "seed \(seed)")
    }

    // MARK: Writing

    /// The same command by hiredis.
    private func formatted(_ words: [[UInt8]]) -> [UInt8] {
        var target: UnsafeMutablePointer<CChar>?
        let lengths = words.map(\.count)
        let copies = words.map { word in
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: word.count + 1)
            for (index, byte) in word.enumerated() { copy[index] = CChar(bitPattern: byte) }
            return copy
        }
        defer { for copy in copies { copy.deallocate() } }
        var pointers = copies.map { UnsafePointer<CChar>?.some($0) }
        let count = redisFormatCommandArgv(&target, Int32(words.count), &pointers, lengths)
        defer { redisFreeCommand(target) }
        return [UInt8](UnsafeRawBufferPointer(start: target, count: Int(count)))
    }

    @Test("commands are written as hiredis writes them, behind each other")
    func writing() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        var writer = RESPWriter()
        for length in [0, 1, 9, 10, 99, 100, 999, 1000, 65_000, 65_536, 200_000] {
            let words = (0..<Int.random(in: 1...12, using: &random)).map { index in
                let count = index == 0 ? length : Int.random(in: 0...30, using: &random)
                return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            }
            let slice = writer.command(words)
            #expect([UInt8](slice.bytes) == formatted(words), "\(length) bytes, seed \(seed)")
            #expect(slice.length <= RESPWriter.bytesMax(wordCount: words.count, payloadBytes: words.joined().count))
            if Bool.random(using: &random) { writer.recycle() }
        }
    }

    @Test("numbers are words in digits")
    func numbers() {
        var writer = RESPWriter()
        let numbers = [0, 7, -1, 10, -10, 1_000_000, .max, .min]
        writer.begin(wordCount: numbers.count, payloadBytes: 20 * numbers.count)
        for number in numbers { writer.append(number) }
        #expect([UInt8](writer.end().bytes) == formatted(numbers.map { bytes(String($0)) }))
    }

    @Test("commands of a turn lie in one piece, and memory that nobody sends from is used again")
    func buffers() {
        var writer = RESPWriter()
        var first: FrameSliceCopy? = FrameSliceCopy(writer.command([bytes("A")]))
        let second = FrameSliceCopy(writer.command([bytes("B")]))
        #expect(first?.isFollowed(by: second) == true)
        // Somebody holds the memory: it is not written to.
        writer.recycle()
        let third = FrameSliceCopy(writer.command([bytes("C")]))
        #expect(third.slice.buffer !== second.slice.buffer && second.isUnchanged && first?.isUnchanged == true)
        first = nil
        #expect(third.slice.offset == 0)
    }
}

/// A slice and what it held when it was made.
private struct FrameSliceCopy {
    let slice: FrameSlice
    private let bytes: [UInt8]

    init(_ slice: FrameSlice) {
        self.slice = slice
        bytes = Array(slice.bytes)
    }

    var isUnchanged: Bool { bytes == Array(slice.bytes) }

    func isFollowed(by other: FrameSliceCopy) -> Bool {
        slice.buffer === other.slice.buffer && slice.offset + slice.length == other.slice.offset
    }
}
