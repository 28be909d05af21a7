#if canImport(CAllocationCounter)
    import CAllocationCounter
    import Foundations
    import Gateway
    import Logging
    import NetworkIO
    import Synchronization
    import Testing
    import WireProtocol

    @Suite(
        "Handing a message to the members of a room allocates nothing per member", .serialized,
        .enabled(if: sluice_counts_allocations(), "a sanitizer has an allocator of its own"))
    struct FanOutAllocationTests {
        private static let members = 50
        private static let messages = 1000
        /// Without optimisation temporary arrays and boxes live on the heap; still they are per turn or message.
        #if DEBUG
            private static let allocationsPerMessageMax = 200
        #else
            private static let allocationsPerMessageMax = 2
        #endif

        /// How many of the members agreed to compression.
        enum Compressed: Int, CaseIterable {
            case none = 0
            case half = 25
            case all = 50
        }

        @Test("one by one, and in bursts; whoever agreed to compression", arguments: [1, 100], Compressed.allCases)
        func fanOut(burst: Int, compressed: Compressed) throws {
            let node = try WorkerOnThread()
            defer { node.stop() }
            let readers = try (0..<Self.members).map {
                try ChatMember(
                    port: node.port, room: "a-room-with-a-long-name", user: "a-member-with-a-long-name-\($0)",
                    offer: $0 < compressed.rawValue ? "permessage-deflate" : nil)
            }
            let sender = try ChatMember(
                port: node.port, room: "a-room-with-a-long-name", user: "a-sender-with-a-long-name")
            // Long enough to be compressed.
            let content = compressed == .none ? "hello, everybody" : String(repeating: "hello, everybody ", count: 20)
            var sent = 0
            func round(_ count: Int) throws {
                var frames: [UInt8] = []
                for _ in 0..<count {
                    sent += 1
                    let text = #"{"type":"message","id":"message-\#(1_000_000 + sent)","content":"\#(content)"}"#
                    frames += Array(text.utf8).withUnsafeBytes {
                        FrameEncoder.maskedFrame(.text, $0, mask: 0x1234_5678)
                    }
                }
                try sender.write(frames)
                for reader in readers { try reader.receive(messages: sent) }
            }
            // Buffers, queues and tables find their size, and the history fills up.
            for _ in 0..<(600 / burst) { try round(burst) }
            let before = try node.allocations()
            for _ in 0..<(Self.messages / burst) { try round(burst) }
            let counted = try node.allocations() - before
            let perMessage = Double(counted) / Double(Self.messages)
            #expect(
                counted < UInt64(Self.messages * Self.allocationsPerMessageMax),
                "\(counted) allocations: \(perMessage) per message, \(perMessage / Double(Self.members)) per delivery")
            // Shown with each run: the figure is worth watching.
            print(
                "fan-out, bursts of \(burst): \(perMessage) allocations per message to \(Self.members) members, "
                    + "of whom \(compressed.rawValue) agreed to compression")
            #expect(readers.allSatisfy { $0.messages == 600 + Self.messages })
            for (place, reader) in readers.enumerated() {
                #expect(reader.compressedFrames == (place < compressed.rawValue ? 600 + Self.messages : 0))
            }
            #expect(sender.messages == 0)
        }
    }

    /// One worker on a thread of its own, which counts what that thread allocates.
    private final class WorkerOnThread {
        enum Fault: Error { case noAnswer }

        private final class Answer: Sendable {
            let allocations = Atomic<UInt64>(0)
            let isThere = Atomic<Bool>(false)
        }

        let port: UInt16
        private let context: NodeContext
        private let thread: NetworkIO.Thread

        init() throws {
            SignalWatcher.ignoreBrokenPipes()
            let configuration = try Configuration.load(
                environment: [
                    "HOST": "127.0.0.1", "WORKERS": "1", "MESSAGES_PER_SECOND": "1000000", "HISTORY_SIZE": "100",
                    "COMPRESSION": "on",
                ], dotEnv: nil, cores: 1)
            let listener = try ListeningSocket.bind(host: "127.0.0.1", port: 0, count: 1)[0]
            port = listener.port
            let context = NodeContext(
                configuration: configuration, nodeID: "n", port: port,
                logger: Logger(label: "test", level: .error, format: .text), connectionsMax: 1000, openFilesMax: 1024,
                startedAt: 1_700_000_000_000)
            self.context = context
            thread = try NetworkIO.Thread(name: "counted") {
                do {
                    try Worker(index: 0, context: context, listener: listener) { _ in }.run()
                } catch {
                    Issue.record("a worker can't start: \(error)")
                }
            }
        }

        /// The thread's allocations so far; it answers within 10 s.
        func allocations() throws -> UInt64 {
            let answer = Answer()
            context.mailboxes[0].post([
                .control(
                    .measure {
                        answer.allocations.store(sluice_allocations(), ordering: .relaxed)
                        answer.isThere.store(true, ordering: .releasing)
                    })
            ])
            let deadline = ContinuousClock.now + .seconds(10)
            while !answer.isThere.load(ordering: .acquiring) {
                guard ContinuousClock.now < deadline else { throw Fault.noAnswer }
            }
            return answer.allocations.load(ordering: .relaxed)
        }

        func stop() {
            context.mailboxes[0].post([.control(.stop)])
            thread.join()
        }
    }
#endif
