import CLibuv
import Testing

@testable import NetworkIO

@Suite("Programs that end with this process")
struct TiedProcessTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder(in: "/tmp", prefix: "sluice-test-") }

    private func shell(_ script: String, environment: [String: String] = [:]) throws -> TiedProcess {
        try TiedProcess(
            "/bin/sh", ["sh", "-c", script], environment: environment, folder: folder.path,
            output: "\(folder.path)/log")
    }

    private func wait(_ process: TiedProcess) -> Int32 {
        while true {
            if let status = process.ended() { return status }
            sched_yield()
        }
    }

    private var log: String {
        guard let file = fopen("\(folder.path)/log", "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        return String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
    }

    @Test("runs with its arguments, environment, folder and output")
    func runs() throws {
        defer { folder.remove() }
        #expect(wait(try shell("pwd; echo $WORD; cat; echo gone >&2; exit 7", environment: ["WORD": "a b"])) == 7)
        #expect(log == "\(folder.path)\na b\ngone\n")
    }

    @Test("signals reach it as by default, and it has a group of its own")
    func signals() throws {
        defer { folder.remove() }
        let process = try shell("kill -PIPE $$; echo survived")
        #expect(wait(process) == 128 + SIGPIPE)
        let group = try shell("read -r _ _ _ _ group _ </proc/self/stat; [ $group = $$ ]")
        #expect(wait(group) == 0)
        let sleeping = try shell("exec sleep 60")
        sleeping.terminate()
        #expect(wait(sleeping) == 128 + SIGTERM && sleeping.ended() == 128 + SIGTERM)
        // It is gone, and its number is not used any more.
        sleeping.killNow()
    }

    @Test("letting go of it kills it")
    func letGo() throws {
        defer { folder.remove() }
        var process: TiedProcess? = try shell("exec sleep 60")
        let pid = try #require(process?.pid)
        #expect(kill(pid, 0) == 0)
        process = nil
        #expect(kill(pid, 0) != 0)
    }

    /// Written on the thread that starts, read when that has ended.
    private final class Started: @unchecked Sendable {
        var process: TiedProcess?
    }

    @Test("the end of the thread that started it, which the process' end is too, kills it")
    func parentEnds() throws {
        defer { folder.remove() }
        let started = Started()
        let (path, log) = (folder.path, "\(folder.path)/log")
        let thread = try Thread(name: "starts") {
            started.process = try? TiedProcess(
                "/bin/sleep", ["sleep", "60"], environment: [:], folder: path, output: log)
        }
        thread.join()
        #expect(wait(try #require(started.process)) == 128 + SIGKILL)
    }

    @Test("what can't be run says why")
    func refusals() throws {
        defer { folder.remove() }
        let error = #expect(throws: SystemError.self) {
            try TiedProcess("/no/such", ["x"], environment: [:], folder: folder.path, output: "\(folder.path)/log")
        }
        #expect(error?.number == ENOENT)
        #expect(throws: SystemError.self) {
            try TiedProcess("/bin/sh", ["sh"], environment: [:], folder: "/no/such", output: "\(folder.path)/log")
        }
        #expect(throws: SystemError.self) {
            try TiedProcess("/bin/sh", ["sh"], environment: [:], folder: folder.path, output: "/no/such/log")
        }
    }

    @Test("programs are found in the folders of PATH")
    func search() throws {
        defer { folder.remove() }
        #expect(TiedProcess.find("sh", path: "/no/such:/bin:/usr/bin") == "/bin/sh")
        #expect(TiedProcess.find("sh", path: "/no/such") == nil && TiedProcess.find("sh", path: "") == nil)
        // Neither a folder nor a file that may not be run is a program.
        #expect(wait(try shell("mkdir one; echo >two; chmod 644 two")) == 0)
        #expect(TiedProcess.find("one", path: folder.path) == nil && TiedProcess.find("two", path: folder.path) == nil)
    }

    @Test("a temporary folder is this user's alone, and is removed with what is in it, links not followed")
    func removal() throws {
        let other = try TemporaryFolder(in: "/tmp", prefix: "sluice-test-")
        defer { other.remove() }
        #expect(wait(try shell("mkdir -p a/b; echo >a/b/c; ln -s \(other.path) a/link; echo >\(other.path)/kept")) == 0)
        #expect(wait(try shell("[ $(stat -c %a .) = 700 ]", environment: ["PATH": "/usr/bin:/bin"])) == 0)
        folder.remove()
        #expect(access(folder.path, F_OK) != 0 && access("\(other.path)/kept", F_OK) == 0)
        #expect(throws: SystemError.self) { try TemporaryFolder(in: "/no/such", prefix: "x") }
    }

    @Test("a free port can be listened on, and lies below those of connections")
    func freePort() throws {
        let port = try ListeningSocket.freeLoopbackPort()
        #expect((20_000..<32_000).contains(port))
        let socket = try #require(try ListeningSocket.bind(host: "127.0.0.1", port: port, count: 1).first)
        close(socket.descriptor)
    }
}
