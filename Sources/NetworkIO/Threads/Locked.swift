import CLibuv

/// A value that one thread writes rarely and others read: each call has it for itself.
///
/// `@unchecked Sendable`: `value` is touched only with the mutex held. A pthread mutex, because the standard library's
/// own gives false reports under the thread sanitizer.
package final class Locked<Value: Sendable>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var value: Value

    package init(_ value: Value) {
        self.value = value
        mutex = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// A copy of the value. Any thread.
    package var current: Value { withLock { $0 } }

    /// Changes the value. Any thread; `body` must not come back here.
    package func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body(&value)
    }
}
