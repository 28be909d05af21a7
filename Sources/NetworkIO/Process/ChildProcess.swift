import CLibuv

/// Another process of this program, connected to this one by a stream.
package struct ChildProcess {
    package let pid: Int32
    /// Our end of the stream: non-blocking; the caller owns it.
    package let descriptor: Int32

    /// The number under which the child finds its end.
    package static let inheritedDescriptor: Int32 = 3

    /// Starts this program once more.
    /// - Parameter arguments: with the name first, as `ps` shows it.
    /// - Throws: `SystemError` when the system has no process or descriptor left.
    package static func spawn(_ arguments: [String]) throws(SystemError) -> ChildProcess {
        var ends: [Int32] = [-1, -1]
        guard sluice_socket_pair(&ends) == 0 else { throw SystemError(call: "socketpair", number: sluice_errno()) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // When the numbers are equal, this is what takes off "closed on exec".
        posix_spawn_file_actions_adddup2(&actions, ends[1], inheritedDescriptor)
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let status = posix_spawn(&pid, "/proc/self/exe", &actions, nil, &words, sluice_environment())
        close(ends[1])
        guard status == 0 else {
            close(ends[0])
            throw SystemError(call: "posix_spawn", number: status)
        }
        return ChildProcess(pid: pid, descriptor: ends[0])
    }

    /// Waits until it has ended; its exit status, or 128 + the signal that ended it.
    package func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, sluice_errno() == EINTR {}
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    }
}
