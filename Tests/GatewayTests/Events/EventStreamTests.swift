import Core
import Glibc
import Logging
import NetworkIO
import Testing

@testable import Gateway

@Suite("Streams of events")
struct EventStreamTests {
    @Test("a reader that does not read is closed; another one gets every event in order")
    func slowReader() throws {
        SignalWatcher.ignoreBrokenPipes()
        let configuration = try Configuration.load(environment: ["WORKERS": "1"], dotEnv: nil, cores: 1)
        let listener = try ListeningSocket.bind(host: "127.0.0.1", port: 0, count: 1)[0]
        let context = NodeContext(
            configuration: configuration, nodeID: "n", port: listener.port,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, connectionsMax: 10, openFilesMax: 1024,
            startedAt: 0)
        let thread = try NetworkIO.Thread(name: "worker") {
            do {
                try Worker(index: 0, context: context, listener: listener) { _ in }.run()
            } catch {
                Issue.record("a worker can't start: \(error)")
            }
        }
        defer {
            context.mailboxes[0].post([.control(.stop)])
            thread.join()
        }
        let slow = try Listener(port: listener.port)
        try slow.wait(for: "event: mode")
        let reader = try Listener(port: listener.port)
        try reader.wait(for: "event: mode")
        #expect(context.events.streamCount.load(ordering: .relaxed) == 2)
        // The kernel's buffers take some megabytes before anything waits in the node.
        let name = String(repeating: "n", count: 128)
        var number = 0
        while context.events.streamCount.load(ordering: .relaxed) == 2, number < 100_000 {
            number += 1
            context.publish(.node(name, .up))
            if number % 100 == 0 { try reader.wait(for: "-\(number)\nevent: node") }
        }
        #expect(number > EventsPhase.queuedBytesMax / 256 && number < 100_000)
        context.publish(.node("last", .up))
        try reader.wait(for: "\"last\"")
        #expect(context.events.streamCount.load(ordering: .relaxed) == 1)
        #expect(reader.numbers == Array(1...(number + 1)))
    }
}

/// A client on a blocking socket, which reads only when it is asked to.
private final class Listener {
    enum Fault: Error { case notConnected, noData }

    private let descriptor: Int32
    private var rest: [UInt8] = []
    /// Of the events that were read, but for the present state.
    private(set) var numbers: [Int] = []

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw Fault.notConnected }
        let request = Array("GET /api/system/events HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
        guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            throw Fault.notConnected
        }
    }

    deinit { close(descriptor) }

    /// Reads until this text has come.
    func wait(for text: String) throws {
        while true {
            let read = String(decoding: rest, as: UTF8.self)
            if let end = read.ranges(of: text).last {
                take(read[..<end.upperBound])
                rest = Array(read[end.upperBound...].utf8)
                return
            }
            var chunk = [UInt8](repeating: 0, count: 65536)
            let count = recv(descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { throw Fault.noData }
            rest += chunk[..<count]
        }
    }

    private func take(_ text: Substring) {
        for line in text.split(separator: "\n") where line.hasPrefix("id: ") {
            if let number = line.split(separator: "-").last.flatMap({ Int($0) }), number > 0 { numbers.append(number) }
        }
    }
}
