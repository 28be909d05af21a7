import CLibuv

/// A program that runs as long as this process at the most: the system kills it when the thread that started it ends,
/// whatever ends that. It has no terminal's signals, no input, and writes into a file.
///
/// Thread: one that lives as long as the process. Letting go of it kills the program.
package final class TiedProcess {
    package let pid: Int32
    private var status: Int32?

    /// - Parameters:
    ///   - program: its path.
    ///   - arguments: with the name first, as `ps` shows it.
    ///   - folder: its working directory.
    ///   - output: the file to which both of its outputs are added.
    /// - Throws: `SystemError` when it can't be run.
    package init(
        _ program: String, _ arguments: [String], environment: [String: String], folder: String, output: String
    ) throws(SystemError) {
        let log = sluice_open_log(output)
        guard log >= 0 else { throw SystemError(call: output, number: sluice_errno()) }
        defer { close(log) }
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") }
        defer { for text in words + variables { free(text) } }
        words.append(nil)
        variables.append(nil)
        var pid: pid_t = 0
        let fault = sluice_spawn_tied(program, &words, &variables, folder, log, &pid)
        guard fault == 0 else { throw SystemError(call: program, number: fault) }
        self.pid = pid
    }

    deinit {
        guard ended() == nil else { return }
        kill(pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, sluice_errno() == EINTR {}
    }

    /// Its exit status, or 128 + the signal that ended it; nil while it runs.
    package func ended() -> Int32? {
        var word: Int32 = 0
        if status == nil, waitpid(pid, &word, WNOHANG) == pid {
            status = word & 0x7F == 0 ? (word >> 8) & 0xFF : 128 + (word & 0x7F)
        }
        return status
    }

    /// Asks it to end.
    package func terminate() { send(SIGTERM) }
    /// Ends it without asking.
    package func killNow() { send(SIGKILL) }

    private func send(_ signal: Int32) {
        // Once it was waited for, the number may be another's.
        if ended() == nil { kill(pid, signal) }
    }

    /// The program of this name in one of the folders of PATH; nil when none has it.
    package static func find(_ name: String, path: String) -> String? {
        path.split(separator: ":").lazy.map { "\($0)/\(name)" }.first { sluice_is_program($0) != 0 }
    }
}
