import Core
import Logging
import NetworkIO
import Testing

@testable import Gateway

@Suite("The lines of a log that name clients")
struct IncidentLogTests {
    private let lines = Locked<[String]>([])

    private func log(_ level: Logger.Level = .info) -> IncidentLog {
        let lines = lines
        return IncidentLog(
            Logger(label: "test") { label in
                LineLogHandler(label: label, level: level, format: .text, clock: { 0 }) { bytes in
                    lines.withLock { $0.append(String(decoding: bytes, as: UTF8.self)) }
                }
            })
    }

    private func takeLines() -> [String] {
        lines.withLock { lines in
            defer { lines = [] }
            return lines
        }
    }

    @Test("Ten lines of a kind in a second; the next one counts those that were left out")
    func rate() {
        let log = log()
        let client = Client(address: IPAddress(v4: 0xC000_0201), isKnown: true)
        for _ in 0..<25 { log.refused(401, method: "GET", path: ["api", "rooms"], client, at: 1_500) }
        log.refused(403, method: "GET", path: [], client, at: 1_600)
        let first = takeLines()
        #expect(first.count == 11 && first[0].contains("192.0.2.1") && first[0].contains("/api/rooms"))
        #expect(first.allSatisfy { !$0.contains("left_out") })
        log.refused(401, method: "GET", path: [], client, at: 2_000)
        #expect(takeLines().map { $0.contains("left_out=15") } == [true])
    }

    @Test("What was left out is counted a second later, if nothing else came; once")
    func flush() {
        let log = log()
        for _ in 0..<13 { log.closed(4101, "flooding", .own, user: Identifier(unchecked: "ann"), at: 100) }
        #expect(takeLines().count == 10)
        log.flush(at: 900)
        #expect(takeLines().isEmpty)
        log.flush(at: 1_000)
        let lines = takeLines()
        #expect(lines.count == 1 && lines[0].contains("close 4101") && lines[0].contains("left_out=3"))
        log.flush(at: 2_000)
        #expect(takeLines().isEmpty)
    }

    @Test("A client that is unknown is named as such; nothing is written above INFO")
    func unknown() {
        let client = Client(address: IPAddress(v4: 0xC000_0201), isKnown: false)
        log().operated(method: "DELETE", path: ["api", "rooms", "r"], client, at: 0)
        #expect(takeLines().first?.contains("unknown behind 192.0.2.1") == true)
        log(.notice).operated(method: "DELETE", path: [], client, at: 0)
        #expect(takeLines().isEmpty)
    }
}
