#if canImport(CAllocationCounter)
    import CAllocationCounter
    import Foundations
    import Testing

    @testable import WireProtocol

    @Suite(
        "The way of a message allocates nothing",
        .enabled(if: sluice_counts_allocations(), "a sanitizer has an allocator of its own"))
    struct AllocationTests {
        /// Without optimisation the compiler makes arrays of variadic arguments, boxes and the like, about as many for
        /// each key as the source has calls; what an optimised build does is what counts.
        #if DEBUG
            private static let isOptimised = false
        #else
            private static let isOptimised = true
        #endif

        private let user = Identifier(unchecked: "a user with a name that is longer than fifteen bytes")
        private let history = HistoryHead(
            room: Identifier(unchecked: "a room with a name that is longer than fifteen bytes"),
            epoch: "an epoch that is longer than fifteen bytes")
        private let text = Array(
            """
            {"type":"message","id":"0123456789abcdef-17","content":{"text":"hello, world","n":[1,2]},\
            "message_type":"note","reply_to":5}
            """.utf8)

        @Test("the counter counts")
        func counter() {
            let before = sluice_allocations()
            var blocks: [UnsafeMutableRawPointer] = []
            blocks.reserveCapacity(100)
            for _ in 0..<100 { blocks.append(.allocate(byteCount: 64, alignment: 8)) }
            let counted = sluice_allocations() - before
            for block in blocks { block.deallocate() }
            #expect((101...110).contains(counted))
        }

        @Test("parsing a message, and writing its frame and its ack", .enabled(if: isOptimised, "an optimised build"))
        func message() {
            var writer = JSONWriter()
            var arena = FrameArena(capacityMin: 4096, capacityMax: 4096, isTransient: true)
            var bytesMade = 0
            text.withUnsafeBytes { bytes in
                func round() {
                    guard case .success(let frame) = ClientFrame.parse(bytes), case .message(let fields) = frame.body,
                        let id = frame.id?.raw
                    else { return }
                    let head = MessageHead(
                        id: id, user: user, device: user, time: 1_700_000_000_000)
                    writer.message(in: history, seq: 7, head, fields)
                    bytesMade += arena.frame(.text, writer.bytes).length
                    writer.ack(in: history, seq: 7, id: id, time: 1_700_000_000_000)
                    bytesMade += arena.frame(.text, writer.bytes).length
                    arena.recycle()
                }
                for _ in 0..<10 { round() }
                let before = sluice_allocations()
                for _ in 0..<10_000 { round() }
                let counted = sluice_allocations() - before
                #expect(counted == 0)
            }
            #expect(bytesMade > 10_010 * 300)
        }

        @Test("decoding a frame that came whole", .enabled(if: isOptimised, "an optimised build"))
        func decoding() {
            let frame = text.withUnsafeBytes { FrameEncoder.maskedFrame(.text, $0, mask: 0x1234_5678) }
            var copy = frame
            var decoder = WebSocketDecoder()
            var decoded = 0
            func round() {
                copy.withUnsafeMutableBytes { target in
                    target.copyBytes(from: frame)
                    if case .text(let text) = decoder.next(target, role: .server, messageBytesMax: 65536).event {
                        decoded += text.count
                    }
                }
            }
            for _ in 0..<10 { round() }
            let before = sluice_allocations()
            for _ in 0..<10_000 { round() }
            let counted = sluice_allocations() - before
            #expect(counted == 0)
            #expect(decoded == 10_010 * text.count)
        }
    }
#endif
