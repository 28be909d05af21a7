import CLibuv

/// A thread of its own for a loop.
package struct Thread {
    private let handle: pthread_t

    /// - Parameters:
    ///   - name: at most 15 bytes, as `top -H` shows it.
    ///   - body: runs on the new thread.
    package init(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let box = Unmanaged.passRetained(Body(name: name, run: body))
        var handle = pthread_t()
        let status = pthread_create(&handle, nil, sluiceThreadStarted, box.toOpaque())
        if status != 0 {
            box.release()
            throw SystemError(call: "pthread_create", number: status)
        }
        self.handle = handle
    }

    /// Waits until the thread's body has returned.
    package func join() { pthread_join(handle, nil) }

    fileprivate final class Body {
        let name: String
        let run: @Sendable () -> Void
        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }
}

private func sluiceThreadStarted(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    let body = Unmanaged<Thread.Body>.fromOpaque(argument).takeRetainedValue()
    sluice_name_thread(body.name)
    body.run()
    return nil
}
