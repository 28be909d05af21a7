import Core
import WireProtocol

/// The JSON of a chat message, in and out.
enum JSONBenchmarks {
    static let all = [scan, parse, message, ack]

    private static let chat = Array(
        """
        {"type":"message","id":"0123456789abcdef-17","content":{"text":"hello, world, how are you?","n":[1,2]},\
        "message_type":"note","reply_to":5}
        """.utf8)

    private static let scan = Benchmark(
        name: "json-scan/chat-message", operation: "message of \(chat.count) bytes", warmUp: 1000, counted: 10_000
    ) {
        { operations in
            var work = Benchmark.Work()
            chat.withUnsafeBytes { bytes in
                for _ in 0..<operations {
                    do {
                        _ = try FieldTable(scanning: bytes)
                        work.bytes += bytes.count
                    } catch { preconditionFailure("the benchmark's message is valid") }
                }
            }
            return work
        }
    }

    private static let parse = Benchmark(
        name: "client-frame/chat-message", operation: "message of \(chat.count) bytes", warmUp: 1000, counted: 10_000
    ) {
        { operations in
            var work = Benchmark.Work()
            chat.withUnsafeBytes { bytes in
                for _ in 0..<operations {
                    if case .success(let frame) = ClientFrame.parse(bytes), case .message = frame.body {
                        work.bytes += bytes.count
                    }
                }
            }
            return work
        }
    }

    private static let message = Benchmark(
        name: "json-write/chat-message", operation: "`message` frame", warmUp: 1000, counted: 10_000
    ) {
        let user = Identifier(unchecked: "a user with a long name")
        let history = HistoryHead(
            room: Identifier(unchecked: "a room with a long name"),
            epoch: "an epoch that is longer than fifteen bytes")
        var writer = JSONWriter()
        return { operations in
            var work = Benchmark.Work()
            chat.withUnsafeBytes { bytes in
                guard case .success(let frame) = ClientFrame.parse(bytes), case .message(let fields) = frame.body,
                    let id = frame.id?.raw
                else { return }
                let head = MessageHead(id: id, user: user, device: user, time: 1_700_000_000_000)
                for _ in 0..<operations {
                    writer.message(in: history, seq: 123_456, head, fields)
                    work.bytes += writer.bytes.count
                }
            }
            return work
        }
    }

    private static let ack = Benchmark(
        name: "json-write/ack", operation: "`ack` frame", warmUp: 1000, counted: 10_000
    ) {
        let history = HistoryHead(
            room: Identifier(unchecked: "a room with a long name"),
            epoch: "an epoch that is longer than fifteen bytes")
        var writer = JSONWriter()
        return { operations in
            var work = Benchmark.Work()
            chat.withUnsafeBytes { bytes in
                guard case .success(let frame) = ClientFrame.parse(bytes), let id = frame.id?.raw else { return }
                for _ in 0..<operations {
                    writer.ack(in: history, seq: 123_456, id: id, time: 1_700_000_000_000)
                    work.bytes += writer.bytes.count
                }
            }
            return work
        }
    }
}
