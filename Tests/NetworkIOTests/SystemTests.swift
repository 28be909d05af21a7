import CLibuv
import Testing

@testable import NetworkIO

@Suite("Digests, clocks and readings of the process")
struct SystemTests {
    private static let suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    @Test("RFC 6455 §1.3 the accept key")
    func acceptKey() {
        #expect(
            Digest.webSocketAccept(key: "dGhlIHNhbXBsZSBub25jZQ==", suffix: Self.suffix)
                == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(
            Digest.webSocketAccept(key: "x3JJHMbDL1EzLkh9GBhXDw==", suffix: Self.suffix)
                == "HSmrc0sMlYUkAGmm5OPpG2HaGWk=")
    }

    @Test(
        "RFC 4648 §10 base64",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func base64(text: String, encoded: String) {
        #expect(Digest.base64(Array(text.utf8)) == encoded)
    }

    @Test("random bytes are as many as asked for, and others each time")
    func random() {
        for count in [0, 1, 16, 4096] { #expect(Digest.random(count: count).count == count) }
        #expect(Digest.random(count: 32) != Digest.random(count: 32))
    }

    /// RFC 4231 §4.2, §4.3, §4.7, and a message of no bytes under a key of none.
    @Test(
        "HMAC-SHA256",
        arguments: [
            (
                [UInt8](repeating: 0x0B, count: 20), "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                Array("Jefe".utf8), "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                [UInt8](repeating: 0xAA, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
            ([], "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
        ])
    func hmac(key: [UInt8], message: String, digits: String) {
        #expect(Digest.hmacSHA256Digits(key: key, Array(message.utf8)) == Array(digits.utf8))
    }

    @Test("clocks")
    func clocks() {
        let first = Clock.monotonicMilliseconds()
        let unix = Clock.unixMilliseconds()
        #expect(abs(unix - time(nil) * 1000) < 5_000)
        #expect(Clock.monotonicMilliseconds() >= first)
        // It counts the time that the machine slept too.
        let boot = Clock.bootMilliseconds()
        #expect(boot >= first && Clock.bootMilliseconds() - boot < 5_000)
    }

    @Test("limits of the process")
    func limits() {
        var limit = rlimit()
        #expect(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        #expect(ProcessLimits.raiseOpenFiles() == Int(clamping: limit.rlim_max))
        #expect(ProcessLimits.processors() >= 1)
        let before = ProcessLimits.cpuMicroseconds()
        #expect(before > 0 && ProcessLimits.cpuMicroseconds() >= before)
    }

    @Test("errors name the call and the cause")
    func errors() {
        let error = SystemError(call: "bind", number: EADDRINUSE)
        #expect(error.isAddressInUse && error.description == "bind: Address already in use")
        #expect(!SystemError(call: "bind", number: EACCES).isAddressInUse)
        #expect(throws: SystemError.self) { try SystemError.check("uv", -ENOMEM) }
        #expect(throws: Never.self) { try SystemError.check("uv", 0) }
    }

    // MARK: Files below /proc

    /// A directory that looks like /proc, gone with the value.
    private final class FakeRoot {
        let path: String
        init() throws {
            var template = Array("/tmp/proc-XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else { throw SystemError(call: "mkdtemp", number: sluice_errno()) }
            path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            mkdir("\(path)/self", 0o700)
        }
        func write(_ name: String, _ text: String) {
            guard let file = fopen("\(path)/\(name)", "w") else { return }
            fputs(text, file)
            fclose(file)
        }
        deinit {
            for number in 0..<10 { unlink("\(path)/self/fd/\(number)") }
            unlink("\(path)/self/statm")
            rmdir("\(path)/self/fd")
            rmdir("\(path)/self")
            rmdir(path)
        }
    }

    @Test(
        "resident memory: the second number of statm, in pages",
        arguments: [
            ("1000 250 30 1 0 60 0\n", 250), ("1 0 0\n", 0), ("7 12", 12), ("", nil), ("\n", nil), ("5\n", nil),
            ("a b c\n", nil), ("5 x 3\n", nil),
        ] as [(String, Int?)])
    func residentMemory(text: String, pages: Int?) throws {
        let root = try FakeRoot()
        root.write("self/statm", text)
        #expect(ProcessFiles.residentBytes(root: root.path) == pages.map { $0 * sysconf(Int32(_SC_PAGESIZE)) })
    }

    @Test("open files: what is listed, but for the listing itself")
    func openFiles() throws {
        let root = try FakeRoot()
        #expect(ProcessFiles.openFiles(root: root.path) == nil)
        #expect(ProcessFiles.residentBytes(root: root.path) == nil)
        mkdir("\(root.path)/self/fd", 0o700)
        #expect(ProcessFiles.openFiles(root: root.path) == 0)
        for number in 0..<5 { root.write("self/fd/\(number)", "") }
        #expect(ProcessFiles.openFiles(root: root.path) == 4)
    }

    @Test("the real tree")
    func realTree() throws {
        let resident = try #require(ProcessFiles.residentBytes(root: "/proc"))
        #expect(resident > 1 << 20 && resident < 1 << 40)
        #expect(try #require(ProcessFiles.openFiles(root: "/proc")) >= 3)
    }

    @Test("environment")
    func environment() {
        #expect(ProcessEnvironment.variables["PATH"] == getenv("PATH").map { String(cString: $0) })
    }
}
