import CLibuv

/// A command that this process has started, in a process group of its own, with this process' standard streams.
///
/// It does not outlive this process: the kernel kills it when the thread that started it ends, and its guard, a process
/// of its own, kills the whole group when this process ends, and when a deadline passes, unless the group was let go.
///
/// Thread: the one that started it.
package final class CommandProcess {
    package enum Change: Equatable {
        /// Its exit status, or 128 + the signal that ended it.
        case ended(status: Int32)
        /// It was stopped, and can go on. `byTerminal`: whoever sits there wants the terminal back, or it needs it.
        case stopped(byTerminal: Bool)
    }

    /// Its pid, and the number of its group.
    package let group: Int32
    private let terminal: Terminal?
    /// Our end of the guard's life.
    private let life: Int32
    private var hasEnded = false

    /// Starts it; returns when it runs.
    /// - Parameters:
    ///   - words: the command, looked for on PATH, and its arguments.
    ///   - variables: are set for it, in the environment of this process.
    ///   - terminal: is the command's while it runs, if it is ours now.
    ///   - deadline: of the guard, as of `extend`.
    /// - Throws: `SystemError` with the command's name; `isNotFound` when there is none of that name.
    package init(
        _ words: [String], variables: [(name: String, value: String)], terminal: Terminal?, deadline: Int
    ) throws(SystemError) {
        self.terminal = terminal
        let lent = terminal.flatMap { $0.isOurs ? $0 : nil }
        let (arguments, environment) = (CStrings(words), CStrings(environmentWith: variables))
        let started = withExtendedLifetime((arguments, environment)) {
            sluice_start_command(arguments.base, environment.base, lent?.descriptor ?? -1)
        }
        (group, life) = (started.group, started.life)
        if group < 0 {
            lent?.take()
            throw SystemError(call: words[0], number: -group)
        }
        extend(to: deadline)
    }

    deinit { close(life) }

    /// Has the guard kill the group at that time instead of any earlier one, in milliseconds of CLOCK_BOOTTIME: even if
    /// this process stands still then.
    package func extend(to deadline: Int) { sendDeadline(Int64(deadline)) }

    /// The rest of its group may stay.
    package func letGo() { sendDeadline(0) }

    private func sendDeadline(_ deadline: Int64) {
        // A guard that was killed is missed no more than one that does not read.
        withUnsafeBytes(of: deadline) { _ = send(life, $0.baseAddress, $0.count, sluice_msg_nosignal) }
    }

    /// Its next change since the last call. Must be called after each SIGCHLD until it returns nil.
    package func nextChange() -> Change? {
        guard !hasEnded else { return nil }
        var status: Int32 = 0
        guard waitpid(group, &status, WNOHANG | WUNTRACED) == group else { return nil }
        // The layout of wait(2)'s status, whose macros are not imported.
        if status & 0xFF == 0x7F {
            return .stopped(byTerminal: [SIGTSTP, SIGTTIN, SIGTTOU].contains((status >> 8) & 0xFF))
        }
        hasEnded = true
        terminal?.takeBack(from: group)
        return .ended(status: status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F))
    }

    /// Sends its whole group a signal; nothing when all of it has ended.
    package func signal(_ number: Int32) { kill(-group, number) }

    /// Whether somebody of its group is left, when it has ended itself.
    package var hasGroup: Bool { kill(-group, 0) == 0 || sluice_errno() == EPERM }

    /// Lets it have the terminal if that is ours, and go on.
    package func resume() {
        if let terminal, terminal.isOurs { terminal.give(to: group) }
        signal(SIGCONT)
    }

    /// Stops this process too, after the terminal has stopped the command, so that the shell takes over. Returns when
    /// this process goes on, which `ProcessSignal.resume` reports, too; the command has to be resumed then.
    package func suspendWithIt() {
        terminal?.takeBack(from: group)
        raise(SIGSTOP)
    }
}

/// A NULL-terminated array of C strings.
private final class CStrings {
    let base: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

    convenience init(_ words: [String]) {
        self.init(owning: words.map { strdup($0) })
    }

    /// This process' environment, byte for byte, but for some variables.
    convenience init(environmentWith variables: [(name: String, value: String)]) {
        var strings: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0.name + "=" + $0.value) }
        let prefixes = variables.map { $0.name + "=" }
        var place = sluice_environment()
        while let current = place, let variable = current.pointee {
            let isSet = prefixes.contains { strncmp(variable, $0, $0.utf8.count) == 0 }
            if !isSet { strings.append(strdup(variable)) }
            place = current + 1
        }
        self.init(owning: strings)
    }

    private init(owning strings: [UnsafeMutablePointer<CChar>?]) {
        base = .allocate(capacity: strings.count + 1)
        for (index, string) in strings.enumerated() { base[index] = string }
        base[strings.count] = nil
    }

    deinit {
        var index = 0
        while let word = base[index] {
            free(word)
            index += 1
        }
        base.deallocate()
    }
}
