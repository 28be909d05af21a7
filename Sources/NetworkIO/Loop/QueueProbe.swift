import CLibuv

/// Measures how long what arrives waits until a loop looks at it: a descriptor of its own that stands in line with the
/// loop's sockets.
///
/// The kernel hands ready descriptors of an epoll set out in the order in which they became ready (epoll(7),
/// "Starvation", and fs/eventpoll.c's ready list), so the time from making this one ready until it is handed out is
/// what a message that came at the same moment waited. It sees the backlog in the kernel's socket buffers, which the
/// process itself does not, and costs one write of 8 bytes per `pauseNanoseconds` while the loop is busy, and nothing
/// while it is idle. Thread: the loop's.
struct QueueProbe {
    /// Its key in the epoll set; no socket has this one.
    static let key = UInt64.max
    /// Between two probes: several per window of whoever asks.
    private static let pauseNanoseconds = 2_000_000

    private let descriptor: Int32
    /// When the probe that is under way was sent; 0: none is.
    private var sentAt = 0
    private var arrivedAt = 0
    /// It was handed out, and so many who came before it have not had their turn; 0: it stands in the kernel's line.
    private var before = 0
    private var waits: (min: Int, max: Int)?

    init(epoll: Int32) throws(SystemError) {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        guard descriptor >= 0 else { throw SystemError(call: "eventfd", number: sluice_errno()) }
        var event = epoll_event()
        event.events = EPOLLIN.rawValue | sluice_epoll_edge_triggered
        event.data.u64 = Self.key
        guard epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
            throw SystemError(call: "epoll_ctl", number: sluice_errno())
        }
    }

    func close() { CLibuv.close(descriptor) }

    /// Stands in line, unless it does already or was there just now. Must be called when sockets were served.
    mutating func send() {
        guard sentAt == 0 else { return }
        let now = Clock.monotonicNanoseconds()
        guard now - arrivedAt >= Self.pauseNanoseconds else { return }
        // Each write is an edge, whether or not the count was read; it takes 584 years to overflow.
        var one: UInt64 = 1
        guard write(descriptor, &one, 8) == 8 else { return }
        sentAt = now
    }

    /// The kernel has handed it out.
    /// - Parameter behind: how many wait for their turn who came before it.
    mutating func reached(behind count: Int, counts: Bool) {
        before = count
        if count == 0 { arrived(counts: counts) }
    }

    /// One of those who wait had its turn. Lines do not keep the order in which their elements came, but when as many
    /// went as stood before it, it waited as long as one who came when it did.
    mutating func passed(counts: Bool) {
        guard before > 0 else { return }
        before -= 1
        if before == 0 { arrived(counts: counts) }
    }

    /// Its turn has come.
    /// - Parameter counts: false when the loop let everybody wait on purpose.
    private mutating func arrived(counts: Bool) {
        guard sentAt > 0 else { return }
        arrivedAt = Clock.monotonicNanoseconds()
        if counts { waited((arrivedAt - sentAt) / 1000) }
        sentAt = 0
    }

    /// Records a wait measured elsewhere (microseconds).
    mutating func waited(_ wait: Int) {
        waits = waits.map { (Swift.min($0.min, wait), Swift.max($0.max, wait)) } ?? (wait, wait)
    }

    /// The shortest and longest wait since the last call, in microseconds.
    /// - Parameter isWaiting: whether one that is under way counts.
    mutating func take(isWaiting: Bool) -> (min: Int, max: Int)? {
        // One that stands in line for longer than the others did says that it has become worse.
        if isWaiting, sentAt > 0 {
            let wait = (Clock.monotonicNanoseconds() - sentAt) / 1000
            if waits == nil, wait > 1000 { return (wait, wait) }
        }
        defer { waits = nil }
        return waits
    }
}
