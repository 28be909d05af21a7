import Glibc

/// A redis-server of a test's own: empty, without files, on a socket in a folder of its own instead of a port. It ends
/// with this value, and with the test's process, whatever becomes of that.
package final class RedisServer {
    /// Where it listens.
    package let path: String

    private let folder: String
    private let pid: pid_t
    /// Its standard input. The shell that watches over the server reads it, and ends the server at its end.
    private let lifeline: Int32
    private let log: Int32

    /// Starts it and waits until it says that it is ready; nil when it does not come that far.
    package init?() {
        var name = Array("/tmp/sluice-redis-XXXXXX".utf8CString)
        guard let made = mkdtemp(&name) else { return nil }
        folder = String(cString: made)
        path = folder + "/socket"
        let server = "redis-server --port 0 --unixsocket \(path) --save '' --appendonly no --dir \(folder)"
        let end = "read -r _; kill -9 $server; wait $server; rm -rf \(folder)"
        let script = "\(server) 2>&1 & server=$!; exec >&- 2>/dev/null; \(end)"
        var (input, output): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        // Not pipes: they could not be closed on exec from the start, and a sibling would keep the lifeline open.
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &input) == 0, socketpair(AF_UNIX, kind, 0, &output) == 0 else { return nil }
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
        var words: [UnsafeMutablePointer<CChar>?] = ["/bin/sh", "-c", script].map { (word: String) in strdup(word) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let status = posix_spawn(&pid, "/bin/sh", &actions, &attributes, &words, environ)
        close(input[0])
        close(output[1])
        (self.pid, lifeline, log) = (pid, input[1], output[0])
        guard status == 0, waitUntilReady() else { return nil }
    }

    deinit {
        close(lifeline)
        var status: Int32 = 0
        if pid > 0 { waitpid(pid, &status, 0) }
        close(log)
    }

    /// Reads the log up to the line that says so; false at its end.
    private func waitUntilReady() -> Bool {
        var text = ""
        var chunk = [UInt8](repeating: 0, count: 4096)
        while !text.contains("eady to accept connections") {
            let count = read(log, &chunk, chunk.count)
            guard count > 0 else { return false }
            text += String(decoding: chunk[..<count], as: UTF8.self)
        }
        return true
    }
}
