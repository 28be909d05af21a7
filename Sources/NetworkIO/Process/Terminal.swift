import CLibuv

/// The terminal that this process was started from, of which one process group at a time reads and gets the keys that
/// are signals.
package final class Terminal {
    let descriptor: Int32

    /// nil when there is none, as in a service or a cron job.
    package init?() {
        descriptor = sluice_open_terminal()
        guard descriptor >= 0 else { return nil }
    }

    deinit { close(descriptor) }

    /// Whether this process' group has it.
    package var isOurs: Bool { tcgetpgrp(descriptor) == getpgrp() }

    /// Lets another group of this session have it.
    package func give(to group: Int32) { setGroup(group) }

    /// Lets this process' group have it.
    package func take() { setGroup(getpgrp()) }

    /// The same, but only if that group has it.
    package func takeBack(from group: Int32) {
        if tcgetpgrp(descriptor) == group { take() }
    }

    private func setGroup(_ group: Int32) {
        // Whoever changes it from the background is stopped by SIGTTOU, unless that is blocked.
        var (blocked, mask) = (sigset_t(), sigset_t())
        sigemptyset(&blocked)
        sigaddset(&blocked, SIGTTOU)
        pthread_sigmask(SIG_BLOCK, &blocked, &mask)
        tcsetpgrp(descriptor, group)
        pthread_sigmask(SIG_SETMASK, &mask, nil)
    }
}
