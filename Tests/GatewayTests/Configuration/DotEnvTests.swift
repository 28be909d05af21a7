import Gateway
import Glibc
import TestSupport
import Testing

@Suite(".env")
struct DotEnvTests {
    private func values(_ text: String) throws -> [String: String] {
        try DotEnv(parsing: text).entries.mapValues(\.value)
    }

    @Test(
        "Lines and what they set",
        arguments: [
            ("A=1", "1"), ("A=", ""), ("  A=1", "1"), ("A = 1 ", "1"), ("\tA\t=\t1\t", "1"), ("export A=1", "1"),
            ("export\tA=1", "1"), ("A=a b  c", "a b  c"), ("A=1 # note", "1"), ("A=1\t#note", "1"), ("A=1#2", "1#2"),
            ("A=#x", ""), ("A= # x", ""), ("A='1 # 2'", "1 # 2"), ("A=\"1 # 2\"", "1 # 2"), ("A='1' # note", "1"),
            ("A=\"1\"  ", "1"), ("A=''", ""), ("A=\"\"", ""), ("A='a\"b'", "a\"b"), ("A=\"a'b\"", "a'b"),
            ("A=\"a\\\"b\\\\c\\n\\r\\t\\q\"", "a\"b\\c\n\r\t\\q"), ("A='a\\nb'", "a\\nb"), ("A=a\\nb", "a\\nb"),
            ("A=$HOME", "$HOME"), ("A=b=c", "b=c"), ("A=it's", "it's"), ("A=1\r", "1"), ("A='1'\r", "1"),
            ("A=é東😀", "é東😀"),
            ("A=\"\\\\\"", "\\"), ("\u{FEFF}A=1", "1"), ("A='x'\t# y", "x"), ("A=\"a\\\\n\"", "a\\n"),
        ])
    func assignments(line: String, value: String) throws {
        for text in [line, line + "\n", line + "\nB=2\n"] {
            #expect(try values(text)["A"] == value)
        }
        #expect(try values(line + "\nB=2") == ["A": value, "B": "2"])
    }

    @Test("Lines that set nothing", arguments: ["", "\n\n", "# A=1", "   # A=1", " \t ", "\r\n\r\n", "#"])
    func nothing(text: String) throws {
        #expect(try values(text).isEmpty)
    }

    @Test("A name may be export, begin with it, and have digits and underscores")
    func names() throws {
        #expect(
            try values("export=1\nexportA=2\n_A1=3\na=4\nexport export=5") == [
                "export": "5", "exportA": "2", "_A1": "3", "a": "4",
            ])
    }

    @Test("Of a name that stands twice the last counts, and its line is known")
    func twice() throws {
        let entries = try DotEnv(parsing: "A=1\r\n\r\n# x\r\nA=2\r\n").entries
        #expect(entries.count == 1 && entries["A"]?.value == "2" && entries["A"]?.line == 4)
    }

    @Test(
        "Bad lines are named by file and number, without showing them",
        arguments: [
            ("hush", "not of the form KEY=VALUE"), ("=hush", "not of the form KEY=VALUE"),
            ("1A=hush", "not of the form KEY=VALUE"),
            ("A-B=hush", "not of the form KEY=VALUE"), ("A B=hush", "not of the form KEY=VALUE"),
            ("export", "not of the form KEY=VALUE"),
            ("export A", "not of the form KEY=VALUE"), ("export =hush", "not of the form KEY=VALUE"),
            ("É=hush", "not of the form KEY=VALUE"),
            ("A: hush", "not of the form KEY=VALUE"), ("A='hush", "no closing quote for A"),
            ("A=\"hush", "no closing quote for A"),
            ("A=\"hush\\\"", "no closing quote for A"), ("A='", "no closing quote for A"),
            ("A='hu'sh", "text after the closing quote of A"),
            ("A='hu' sh", "text after the closing quote of A"), ("A=\"hu\"#sh", "text after the closing quote of A"),
        ])
    func bad(line: String, reason: String) {
        do throws(ConfigurationError) {
            _ = try DotEnv(parsing: "OK=1\n\n" + line + "\nOK=2")
            Issue.record("taken: \(line)")
        } catch {
            #expect(error.description == ".env line 3: \(reason)")
            #expect(error.variable == nil)
        }
    }

    @Test("Random text never traps, and whatever is set has a proper name", arguments: [UInt64(101), 102])
    func rubbish(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let alphabet = Array("AB=='\"\\# \t\r\nexport1é")
        var parsed = 0
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...30, using: &random)
            let text = String((0..<count).map { _ in alphabet.randomElement(using: &random) ?? "=" })
            guard let entries = try? DotEnv(parsing: text).entries else { continue }
            parsed += entries.isEmpty ? 0 : 1
            for name in entries.keys {
                #expect(
                    !name.isEmpty && name.utf8.allSatisfy { ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A) || $0 == 0x31 })
                #expect(name.first != "1", "seed \(seed)")
            }
        }
        #expect(parsed > 100, "seed \(seed)")
    }
}

@Suite(".env on disk")
struct DotEnvFileTests {
    /// Calls `body` with the path of a file of these bytes, in a folder of its own.
    private func withFile(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
        var template = Array("/tmp/dotenv-XXXXXX".utf8CString)
        let folder = try #require(mkdtemp(&template)).pointee
        #expect(folder != 0)
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let path = directory + "/.env"
        defer {
            unlink(path)
            rmdir(directory)
        }
        let descriptor = open(path, O_WRONLY | O_CREAT, 0o600)
        try #require(descriptor >= 0)
        #expect(write(descriptor, bytes, bytes.count) == bytes.count)
        close(descriptor)
        try body(path)
    }

    private func failure(_ path: String) -> String? {
        do throws(ConfigurationError) {
            _ = try DotEnvFile.read(path: path)
            return nil
        } catch {
            return error.description
        }
    }

    @Test("A file is read whole; one that is not there is nil")
    func reads() throws {
        for count in [0, 1, 16_384, 16_385, DotEnvFile.byteCountMax] {
            try withFile([UInt8](repeating: UInt8(ascii: "#"), count: count)) { path in
                let text = try DotEnvFile.read(path: path)
                let missing = try DotEnvFile.read(path: path + ".not")
                #expect(text?.utf8.count == count && missing == nil)
            }
        }
    }

    @Test("Too large, not UTF-8, or a folder: an error that names the file")
    func refuses() throws {
        try withFile([UInt8](repeating: UInt8(ascii: "#"), count: DotEnvFile.byteCountMax + 1)) { path in
            #expect(failure(path) == "\(path) is larger than 1048576 bytes")
        }
        try withFile([0x41, 0x3D, 0xFF]) { path in
            #expect(failure(path) == "\(path) is not valid UTF-8")
        }
        #expect(failure("/tmp") == "/tmp can't be read: Is a directory")
    }
}
