import CLibuv

/// Lines on their way to a descriptor that perhaps nobody reads: whoever hands one over never waits for that. A thread
/// of its own gives them to the kernel, one `write` for each, so that lines of several threads never mix. What does not
/// fit into the bound meanwhile is dropped; as soon as there is place again, a line says how many those were.
///
/// `@unchecked Sendable`: what changes is touched with the mutex held only. The mutex and the conditions are C's,
/// because nothing of the standard library waits for a time.
package final class LineOutput: @unchecked Sendable {
    /// Bytes that wait at most: some thousand lines, more than a node writes in a second at a level for operating.
    package static let bytesMax = 1 << 20

    package static let standardError = STDERR_FILENO

    private let descriptor: Int32
    private let bytesMax: Int
    private let droppedLine: @Sendable (Int) -> [UInt8]
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    /// Something waits, or it ends.
    private let filled: UnsafeMutablePointer<pthread_cond_t>
    /// All was written.
    private let emptied: UnsafeMutablePointer<pthread_cond_t>
    /// Whole lines, in order.
    private var waiting: [UInt8] = []
    /// Lines that came behind these and were dropped.
    private var dropped = 0
    private var isWriting = false
    private var isEnding = false

    /// Starts the thread, which keeps this alive until `end`.
    /// - Parameters:
    ///   - bytesMax: bytes that wait at most.
    ///   - droppedLine: a whole line that says how many lines were dropped. Called on the thread.
    package init(
        _ descriptor: Int32, bytesMax: Int = LineOutput.bytesMax, droppedLine: @escaping @Sendable (Int) -> [UInt8]
    ) throws(SystemError) {
        self.descriptor = descriptor
        self.bytesMax = bytesMax
        self.droppedLine = droppedLine
        mutex = .allocate(capacity: 1)
        filled = .allocate(capacity: 1)
        emptied = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(filled, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(emptied, &attributes)
        pthread_condattr_destroy(&attributes)
        _ = try Thread(name: "log") { self.run() }
    }

    deinit {
        pthread_cond_destroy(emptied)
        pthread_cond_destroy(filled)
        pthread_mutex_destroy(mutex)
        emptied.deallocate()
        filled.deallocate()
        mutex.deallocate()
    }

    /// Hands a whole line over, its end included. Any thread.
    package func write(_ line: [UInt8]) {
        pthread_mutex_lock(mutex)
        // Once one was dropped the others follow: lines stay in order, and the count has its place.
        if dropped > 0 || waiting.count + line.count > bytesMax { dropped += 1 } else { waiting += line }
        pthread_cond_signal(filled)
        pthread_mutex_unlock(mutex)
    }

    /// Waits until all that was handed over is with the kernel, for so long at most; whether it is. Any thread.
    @discardableResult
    package func flush(withinMilliseconds span: Int) -> Bool {
        let end = Clock.monotonicNanoseconds() + span * 1_000_000
        var until = timespec(tv_sec: end / 1_000_000_000, tv_nsec: end % 1_000_000_000)
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while hasWork || isWriting {
            if pthread_cond_timedwait(emptied, mutex, &until) != 0 { return !(hasWork || isWriting) }
        }
        return true
    }

    /// Ends the thread once all is written.
    package func end() {
        pthread_mutex_lock(mutex)
        isEnding = true
        pthread_cond_signal(filled)
        pthread_mutex_unlock(mutex)
    }

    private var hasWork: Bool { !waiting.isEmpty || dropped > 0 }

    // MARK: The thread

    private func run() {
        // A reader that is gone is an error here, and no signal.
        var signals = sigset_t()
        sigfillset(&signals)
        pthread_sigmask(SIG_SETMASK, &signals, nil)
        while let (lines, dropped) = take() {
            writeLines(lines)
            if dropped > 0 { writeLines(droppedLine(dropped)) }
            finish()
        }
    }

    /// Takes what waits, once there is something; nil at the end.
    private func take() -> (lines: [UInt8], dropped: Int)? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !hasWork {
            if isEnding { return nil }
            pthread_cond_wait(filled, mutex)
        }
        isWriting = true
        defer { (waiting, dropped) = ([], 0) }
        return (waiting, dropped)
    }

    private func finish() {
        pthread_mutex_lock(mutex)
        isWriting = false
        if !hasWork { pthread_cond_broadcast(emptied) }
        pthread_mutex_unlock(mutex)
    }

    private func writeLines(_ lines: [UInt8]) {
        lines.withUnsafeBytes { bytes in
            var start = 0
            while start < bytes.count {
                let end = bytes[start...].firstIndex(of: 0x0A).map { $0 + 1 } ?? bytes.count
                // What can't be written at all is dropped: there is no one left who reads.
                guard write(UnsafeRawBufferPointer(rebasing: bytes[start..<end])) else { return }
                start = end
            }
        }
    }

    private func write(_ line: UnsafeRawBufferPointer) -> Bool {
        var rest = line[...]
        while !rest.isEmpty {
            let written = CLibuv.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written > 0 {
                rest = rest.dropFirst(written)
            } else if written < 0, sluice_errno() == EAGAIN {
                var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&ready, 1, -1)
            } else if written == 0 || sluice_errno() != EINTR {
                return false
            }
        }
        return true
    }
}
