import Glibc

/// A redis-server on a free port of 127.0.0.1, which a test can stop in each way there is. It ends with this object,
/// and with the test's process, whatever becomes of that.
final class RedisProcess {
    struct Failure: Error { let log: String }

    private(set) var port: UInt16 = 0
    private let arguments: [String]
    private let folder: String
    /// The shell that watches over the server and ends it at the end of its standard input, which is `lifeline`.
    private var shell: pid_t = 0
    private var lifeline: Int32 = -1
    /// The server's standard output; it ends when the server does.
    private var log: Int32 = -1
    private var pid: pid_t = 0

    /// Starts it, empty and without files, and waits until it takes connections.
    init(_ arguments: [String] = []) throws {
        self.arguments = arguments
        var name = Array("/tmp/sluice-redis-XXXXXX".utf8CString)
        guard let made = mkdtemp(&name) else { throw Failure(log: "mkdtemp") }
        folder = String(cString: made)
        // Another process may take the port between the look for it and its use.
        var triesLeft = 5
        while pid == 0 {
            port = Self.freePort()
            triesLeft -= 1
            do { try start() } catch { if triesLeft == 0 { throw error } }
        }
    }

    deinit { end() }

    /// Begins again after `kill`, empty, on the same port.
    func start() throws {
        let script = """
            redis-server "$@" 2>&1 & server=$!; echo "pid $server"; exec >&- 2>/dev/null
            read -r _; kill -9 $server; wait $server; rm -rf "$0"
            """
        // The former shell has removed it.
        mkdir(folder, 0o700)
        let words =
            ["/bin/sh", "-c", script, folder, "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly"]
            + ["no", "--dir", folder] + arguments
        var (input, output): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        // Closed on exec from the start: a sibling would keep the lifeline.
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &input) == 0, socketpair(AF_UNIX, kind, 0, &output) == 0 else {
            throw Failure(log: "socketpair")
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO)
        // The threads of a test block signals; the shell waits by one.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var pointers: [UnsafeMutablePointer<CChar>?] = words.map { (word: String) in strdup(word) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        let status = posix_spawn(&shell, "/bin/sh", &actions, &attributes, &pointers, environ)
        close(input[0])
        close(output[1])
        (lifeline, log) = (input[1], output[0])
        guard status == 0 else { throw Failure(log: "posix_spawn") }
        let text = readLog { $0.contains("eady to accept connections") }
        pid = text.split(separator: "\n").first.flatMap { Int32($0.dropFirst("pid ".count)) } ?? 0
        guard text.contains("eady to accept connections"), pid > 0 else {
            end()
            throw Failure(log: text)
        }
    }

    /// Ends it as kill -9 does; returns when it is gone.
    func kill() { end() }

    /// Stops it where it stands (SIGSTOP): connections stay and nobody answers.
    func freeze() {
        Glibc.kill(pid, SIGSTOP)
        // The signal has come when the kernel says that the process is stopped.
        while !(Self.state(pid) == "T") { sched_yield() }
    }

    func thaw() { Glibc.kill(pid, SIGCONT) }

    private func end() {
        guard lifeline >= 0 else { return }
        close(lifeline)
        lifeline = -1
        var status: Int32 = 0
        waitpid(shell, &status, 0)
        close(log)
        pid = 0
    }

    /// Reads the log until `isEnough`, or to its end.
    private func readLog(_ isEnough: (String) -> Bool) -> String {
        var text = ""
        var chunk = [UInt8](repeating: 0, count: 4096)
        while !isEnough(text) {
            let count = read(log, &chunk, chunk.count)
            guard count > 0 else { break }
            text += String(decoding: chunk[..<count], as: UTF8.self)
        }
        return text
    }

    /// The character behind the name in /proc/PID/stat.
    private static func state(_ pid: pid_t) -> String {
        guard let file = fopen("/proc/\(pid)/stat", "re") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 512)
        let text = String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
        return text.split(separator: ")").last?.split(separator: " ").first.map(String.init) ?? ""
    }

    /// A port on which nobody listens now.
    static func freePort() -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(descriptor, $0, length)
                _ = getsockname(descriptor, $0, &length)
            }
        }
        return UInt16(bigEndian: address.sin_port)
    }
}
