import CLibuv

/// A call to the system or to libuv that failed.
public struct SystemError: Error, CustomStringConvertible, Sendable {
    public let call: String
    /// errno, positive.
    public let number: Int32

    package init(call: String, number: Int32) {
        self.call = call
        self.number = number
    }

    public var description: String { "\(call): \(String(cString: strerror(number)))" }

    /// Whether there is no file of that name.
    package var isNotFound: Bool { number == ENOENT }

    /// Whether somebody else has the address.
    package var isAddressInUse: Bool { number == EADDRINUSE }

    /// Throws when libuv answered with a negative status.
    static func check(_ call: String, _ status: Int32) throws(SystemError) {
        if status < 0 { throw SystemError(call: call, number: -status) }
    }
}

/// The system's clocks.
package enum Clock {
    /// Milliseconds since the Unix epoch. Any thread.
    package static func unixMilliseconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int(time.tv_sec) * 1000 + Int(time.tv_nsec) / 1_000_000
    }

    /// Milliseconds that only rise. Any thread.
    package static func monotonicMilliseconds() -> Int { Int(uv_hrtime() / 1_000_000) }

    /// Milliseconds of CLOCK_BOOTTIME, which only rises and goes on while the machine sleeps. Any thread, and
    /// comparable between the processes of a machine.
    package static func bootMilliseconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Int(time.tv_sec) * 1000 + Int(time.tv_nsec) / 1_000_000
    }

    /// Processor time that the calling thread has used, in nanoseconds.
    package static func threadNanoseconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int(time.tv_sec) * 1_000_000_000 + Int(time.tv_nsec)
    }

    /// CLOCK_MONOTONIC in nanoseconds. Any thread, and comparable between the processes of a machine.
    package static func monotonicNanoseconds() -> Int { Int(uv_hrtime()) }
}
