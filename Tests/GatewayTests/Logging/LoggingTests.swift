import Gateway
import Glibc
import Logging
import TestSupport
import Testing

@Suite("Timestamp")
struct TimestampTests {
    @Test(
        "Known moments",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1, "1970-01-01T00:00:00.001Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"), (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"), (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"), (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"), (Int.max, "9999-12-31T23:59:59.999Z"),
            (Int.min, "0000-01-01T00:00:00.000Z"),
        ])
    func known(milliseconds: Int, text: String) {
        #expect(Timestamp.iso8601(milliseconds: milliseconds) == text)
    }

    @Test("Random moments of 8000 years, as the C library has them", arguments: [UInt64(111)])
    func againstTheCLibrary(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<5000 {
            let milliseconds = Int.random(in: -30_610_224_000_000...253_402_300_799_999, using: &random)
            let rest = (milliseconds % 1000 + 1000) % 1000
            var second = (milliseconds - rest) / 1000
            var parts = tm()
            gmtime_r(&second, &parts)
            func padded(_ number: some BinaryInteger, _ width: Int) -> String {
                String(repeating: "0", count: width - String(number).count) + String(number)
            }
            let date = "\(padded(parts.tm_year + 1900, 4))-\(padded(parts.tm_mon + 1, 2))-\(padded(parts.tm_mday, 2))"
            let time = "\(padded(parts.tm_hour, 2)):\(padded(parts.tm_min, 2)):\(padded(parts.tm_sec, 2))"
            #expect(
                Timestamp.iso8601(milliseconds: milliseconds) == "\(date)T\(time).\(padded(rest, 3))Z", "seed \(seed)")
        }
    }
}

@Suite("Log lines")
struct LogLineTests {
    private func line(
        _ format: LogFormat, _ message: String, _ metadata: Logger.Metadata = [:], level: Logger.Level = .info
    ) -> String {
        let bytes = LogLine.render(
            format, milliseconds: 0, level: level, label: "node", message: message, metadata: metadata)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("A line of text: time, level, label, message, fields by name")
    func text() {
        #expect(line(.text, "listening") == "1970-01-01T00:00:00.000Z INFO node: listening\n")
        #expect(
            line(
                .text, "closed: slow", ["code": "4102", "a": "b c", "empty": "", "quote": "\"\\", "eq": "a=b"],
                level: .warning)
                == "1970-01-01T00:00:00.000Z WARNING node: closed: slow "
                + #"a="b c" code=4102 empty="" eq="a=b" quote="\"\\""# + "\n")
    }

    @Test("A line of JSON: the same, and nested values")
    func json() {
        #expect(
            line(.json, "he said \"hi\" \\ é😀", ["list": ["a", "b"], "map": ["k": "v", "a": "x"], "n": "\(7)"])
                == #"{"time":"1970-01-01T00:00:00.000Z","level":"info","label":"node","message":"he said \"hi\" \\ é😀","#
                + #""list":["a","b"],"map":{"a":"x","k":"v"},"n":"7"}"# + "\n")
        // A field can't pass for one of the line's own.
        #expect(line(.json, "m", ["level": "critical", "time": "0"]).contains(#""level_":"critical","time_":"0"}"#))
    }

    @Test("Nothing in a message, key or value ends the line or steers a terminal", arguments: LogFormat.allCases)
    func controlCharacters(format: LogFormat) throws {
        for value in [UInt32](0...0x1F) + [0x7F] + [UInt32](0x80...0x9F) + [0x2028, 0x2029] {
            let scalar = try #require(Unicode.Scalar(value))
            let text = line(format, "a\(scalar)b", ["k\(scalar)": "c\(scalar)d", "l": ["\(scalar)"]])
            #expect(text.hasSuffix("\n"))
            #expect(!text.dropLast().unicodeScalars.contains(scalar), "U+\(String(value, radix: 16))")
            #expect(text.unicodeScalars.count { $0 == "\n" } == 1)
        }
    }

    @Test("JSON escapes are those of the format")
    func jsonEscapes() {
        #expect(
            line(.json, "\n\r\t\u{0}\u{1B}\u{7F}\u{9B}\u{2028}").contains(
                #""message":"\n\r\t\u0000\u001b\u007f\u009b\u2028""#))
    }

    @Test("Long values are cut, also within a character; deep nesting becomes text")
    func bounds() {
        let exact = String(repeating: "x", count: 4096)
        #expect(line(.text, exact).hasSuffix(": \(exact)\n"))
        #expect(line(.text, exact + "y").hasSuffix(": \(exact)…\n"))
        #expect(line(.text, String(exact.dropLast()) + "é").hasSuffix("x\u{FFFD}…\n"))
        var deep: Logger.MetadataValue = "end"
        for _ in 0..<50 { deep = .array([deep]) }
        #expect(line(.json, "m", ["deep": deep]).contains(#""deep":[[[[[[[[""#))
    }
}

@Suite("Log handler")
struct LineLogHandlerTests {
    /// Collects what is logged. Unchecked: lines are written and read on the test's own thread alone.
    private final class Lines: @unchecked Sendable {
        private(set) var all: [String] = []

        func append(_ line: [UInt8]) {
            all.append(String(decoding: line, as: UTF8.self))
        }
    }

    private func logger(_ lines: Lines, level: Logger.Level = .info, format: LogFormat = .text) -> Logger {
        Logger(label: "node") { label in
            LineLogHandler(
                label: label, level: level, format: format, clock: { 86_400_000 }, sink: { lines.append($0) })
        }
    }

    @Test("Levels below the configured one write nothing")
    func levels() {
        for (index, level) in Logger.Level.allCases.enumerated() {
            let lines = Lines()
            let logger = logger(lines, level: level)
            for each in Logger.Level.allCases { logger.log(level: each, "x") }
            #expect(lines.all.count == Logger.Level.allCases.count - index)
        }
    }

    @Test("Fields of the call win over the logger's, and an error is a field")
    func fields() {
        let lines = Lines()
        var logger = logger(lines)
        logger[metadataKey: "worker"] = "1"
        logger[metadataKey: "room"] = "a"
        #expect(logger[metadataKey: "worker"] == "1")
        logger.info("one", metadata: ["room": "b"])
        logger.info("two")
        let error = SampleError()
        logger.error("three", error: error)
        #expect(
            lines.all == [
                "1970-01-02T00:00:00.000Z INFO node: one room=b worker=1\n",
                "1970-01-02T00:00:00.000Z INFO node: two room=a worker=1\n",
                "1970-01-02T00:00:00.000Z ERROR node: three error=\"it went wrong\" room=a worker=1\n",
            ])
    }
}

/// An error with a text of its own.
private struct SampleError: Error, CustomStringConvertible {
    var description: String { "it went wrong" }
}
