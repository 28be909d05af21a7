import CLibuv

/// The two epoll sets of a loop, and the buffer that ready sockets are fetched into. Owned by the loop, which calls
/// `close` at its end.
///
/// Each set is edge-triggered and libuv polls it as a single handle. A connection then costs no libuv handle (160–248
/// bytes each), joining and leaving the set is one system call each, and a turn fetches up to `eventsPerFetch` ready
/// sockets at once; see docs/decisions/0001-sockets-in-one-epoll-set.md.
struct EpollSets {
    /// Sockets that one turn reads at most. Enough that the messages of many senders to one room leave in one write per
    /// member; more would only keep what was read waiting for the writes of all the others.
    static let eventsPerFetch = 128

    let ordinary: Int32
    /// Sockets that are served at once whatever the load: connections to what the node itself needs.
    let urgent: Int32
    private let events: UnsafeMutablePointer<epoll_event>

    /// - Throws: `SystemError` when the system is out of descriptors.
    init() throws(SystemError) {
        ordinary = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard ordinary >= 0 else { throw SystemError(call: "epoll_create1", number: sluice_errno()) }
        urgent = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard urgent >= 0 else { throw SystemError(call: "epoll_create1", number: sluice_errno()) }
        events = .allocate(capacity: Self.eventsPerFetch)
    }

    func close() {
        CLibuv.close(ordinary)
        CLibuv.close(urgent)
        events.deallocate()
    }

    /// The members of `set` that are ready now, at most `eventsPerFetch`; the buffer is filled anew by the next call.
    func fetch(_ set: Int32) -> UnsafeBufferPointer<epoll_event> {
        let count = Int(epoll_wait(set, events, Int32(Self.eventsPerFetch), 0))
        return UnsafeBufferPointer(start: events, count: max(count, 0))
    }
}
