import Glibc
import NetworkIO
import Testing

@Suite("Lines for somebody who perhaps does not read")
struct LineOutputTests {
    /// A pipe that holds 4 KiB.
    private final class Pipe {
        let reader: Int32
        let writer: Int32

        init() throws {
            var ends: [Int32] = [-1, -1]
            try #require(pipe(&ends) == 0)
            (reader, writer) = (ends[0], ends[1])
            // F_SETPIPE_SZ of fcntl(2), which the C library hides from Swift.
            _ = fcntl(writer, 1031, 4096)
        }

        /// Reads until a line ends with `last`.
        func readAll(until last: String) -> [String] {
            var text = ""
            var chunk = [UInt8](repeating: 0, count: 4096)
            while !text.hasSuffix(last + "\n") {
                let count = read(reader, &chunk, chunk.count)
                guard count > 0 else { break }
                text += String(decoding: chunk[..<count], as: UTF8.self)
            }
            return text.split(separator: "\n").map(String.init)
        }
    }

    private func output(_ pipe: Pipe, bytesMax: Int) throws -> LineOutput {
        try LineOutput(pipe.writer, bytesMax: bytesMax) { Array("dropped \($0)\n".utf8) }
    }

    @Test("all that is read comes, in order, and a flush waits for it")
    func reading() throws {
        let pipe = try Pipe()
        let output = try output(pipe, bytesMax: 1 << 20)
        for number in 0..<2_000 { output.write(Array("line \(number)\n".utf8)) }
        #expect(pipe.readAll(until: "line 1999") == (0..<2_000).map { "line \($0)" })
        #expect(output.flush(withinMilliseconds: 10_000))
        output.end()
    }

    @Test("nobody waits for one who does not read; what was dropped is counted when that one reads again")
    func unread() throws {
        let pipe = try Pipe()
        let output = try output(pipe, bytesMax: 10_000)
        let (line, count) = (String(repeating: "x", count: 99), 10_000)
        let start = ContinuousClock.now
        for _ in 0..<count { output.write(Array("\(line)\n".utf8)) }
        #expect(!output.flush(withinMilliseconds: 50))
        // Were it waited for, it would be for ever.
        #expect(start.duration(to: .now) < .seconds(30))
        var text = ""
        var (lines, dropped) = (0, 0)
        while lines + dropped < count {
            var chunk = [UInt8](repeating: 0, count: 4096)
            let read = Glibc.read(pipe.reader, &chunk, chunk.count)
            try #require(read > 0)
            text += String(decoding: chunk[..<read], as: UTF8.self)
            while let end = text.firstIndex(of: "\n") {
                let next = text[..<end]
                if next == line { lines += 1 } else { dropped += Int(next.dropFirst("dropped ".count)) ?? .max / 2 }
                text.removeSubrange(...end)
            }
        }
        // Two bounds: what waits, and what is being written, a few times at the beginning; and what the pipe holds.
        #expect(lines + dropped == count && dropped > count / 2)
        output.write(Array("after\n".utf8))
        #expect(output.flush(withinMilliseconds: 10_000) && pipe.readAll(until: "after") == ["after"])
        output.end()
    }

    @Test("a reader that is gone keeps nobody")
    func gone() throws {
        let pipe = try Pipe()
        let output = try output(pipe, bytesMax: 10_000)
        close(pipe.reader)
        for _ in 0..<1_000 { output.write(Array("line\n".utf8)) }
        #expect(output.flush(withinMilliseconds: 10_000))
        output.end()
    }
}
