import CLibuv

/// The limits that the system sets this process.
package enum ProcessLimits {
    /// Raises the soft limit of open files to the hard one; the limit that holds now.
    package static func raiseOpenFiles() -> Int {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        if limit.rlim_cur < limit.rlim_max {
            var raised = rlimit(rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max)
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }

    /// CPUs that this process may run on.
    package static func processors() -> Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// Bytes of a page, and clock ticks of a second, as /proc counts them.
    package static func pageBytes() -> Int { sysconf(Int32(_SC_PAGESIZE)) }
    package static func ticksPerSecond() -> Int { max(1, sysconf(Int32(_SC_CLK_TCK))) }

    /// CPU time used so far, in microseconds.
    package static func cpuMicroseconds() -> Int64 {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let seconds = Int64(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        return seconds * 1_000_000 + Int64(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
    }
}
