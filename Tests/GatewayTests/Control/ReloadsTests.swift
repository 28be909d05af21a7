import Logging
import NetworkIO
import Testing

@testable import Gateway

@Suite("What a node reads again at SIGHUP")
struct ReloadsTests {
    private struct Fault: Error, CustomStringConvertible { let description = "no such file" }

    private let lines = Locked<[String]>([])

    private func reloads() -> Reloads {
        let lines = lines
        return Reloads(
            Logger(label: "test") { label in
                LineLogHandler(label: label, level: .info, format: .text, clock: { 0 }) { bytes in
                    lines.withLock { $0.append(String(decoding: bytes, as: UTF8.self)) }
                }
            })
    }

    @Test("All are read in the order of adding, one line for each; one that fails stops no other")
    func order() {
        let reloads = reloads()
        let read = Locked<[Int]>([])
        reloads.add("keys") { read.withLock { $0.append(1) } }
        reloads.add("certificate") { throw Fault() }
        reloads.add("more") { read.withLock { $0.append(3) } }
        reloads.run()
        #expect(read.withLock { $0 } == [1, 3])
        let lines = lines.withLock { $0 }
        #expect(lines.count == 3 && lines[0].contains("keys") && lines[2].contains("more"))
        #expect(lines[1].contains("certificate") && lines[1].contains("no such file"))
    }

    @Test("With nothing to read again a line says so")
    func nothing() {
        reloads().run()
        #expect(lines.withLock { $0.count } == 1)
    }
}
