import CLibuv

/// The events of an acceptor, on the loop's thread.
package protocol AcceptorDelegate: AnyObject {
    /// A connection came; the delegate owns the descriptor from now on.
    func accepted(_ descriptor: Int32, from address: PeerAddress)
    /// The process was out of descriptors: a connection was refused and closed.
    func refusedForLackOfDescriptors()
}

/// Takes new connections from a listening socket, many per turn.
///
/// When the process runs out of descriptors, one that was kept in reserve is used to take the connection, answer it
/// and close it; without that the connection would stay in the backlog and spin the loop (measured: 96 % of a core).
/// Thread: the loop's.
package final class Acceptor {
    /// Connections taken per turn, so that a storm of them does not starve those that are there: an accepted connection
    /// brings a handshake of some 70 µs. The others wait in the kernel's backlog, which refuses nobody.
    private static let acceptsPerTurn = 16

    /// Handshakes of TLS that may wait for their turn before nobody new is taken.
    private static let waitingHandshakesMax = 64

    private let loop: EventLoop
    private let listener: ListeningSocket
    private weak var delegate: (any AcceptorDelegate)?
    private let poll: UnsafeMutablePointer<uv_poll_t>
    private var spare: Int32
    private var isPaused = false
    /// How many may still be taken until the next tick; nil: as many as come.
    private var budget: Int?
    private var isClosed = false
    /// The bytes sent to a connection for which there is no descriptor.
    private let refusal: [UInt8]

    package init(
        _ listener: ListeningSocket, loop: EventLoop, refusal: [UInt8], delegate: any AcceptorDelegate
    ) throws(SystemError) {
        self.listener = listener
        self.loop = loop
        self.delegate = delegate
        self.refusal = refusal
        poll = .allocate(capacity: 1)
        spare = Self.openSpare()
        try SystemError.check("uv_poll_init", uv_poll_init(loop.uvLoop, poll, listener.descriptor))
        poll.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        try SystemError.check("uv_poll_start", uv_poll_start(poll, Int32(UV_READABLE.rawValue), sluiceConnectionsWait))
    }

    /// Stops listening. The memory of the handle goes when libuv has let go of it, in a later turn of the loop.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        if spare >= 0 { CLibuv.close(spare) }
        spare = -1
        uv_poll_stop(poll)
        CLibuv.close(listener.descriptor)
        poll.withMemoryRebound(to: uv_handle_t.self, capacity: 1) { uv_close($0, sluicePollClosed) }
    }

    fileprivate func takeConnections() {
        for _ in 0..<Self.acceptsPerTurn where loop.waitingHandshakes < Self.waitingHandshakesMax {
            if let budget {
                // Those who wait stay in the kernel's backlog.
                guard budget > 0 else { return pause() }
                self.budget = budget - 1
            }
            var address = sockaddr_storage()
            let descriptor = sluice_accept(listener.descriptor, &address)
            if descriptor >= 0 {
                delegate?.accepted(descriptor, from: PeerAddress(address))
                continue
            }
            switch sluice_errno() {
            case EMFILE, ENFILE:
                guard refuseOne() else { return pause() }
            case ECONNABORTED, EINTR: continue
            default: return
            }
        }
    }

    /// Even the reserve is gone, taken by another thread: nothing can be accepted until descriptors are free again.
    private func pause() {
        isPaused = true
        uv_poll_stop(poll)
    }

    /// Tries again what was paused; to be called at each tick.
    /// - Parameter acceptsMax: how many connections may be taken until the next one; nil: as many as come.
    package func ticked(acceptsMax: Int? = nil) {
        budget = acceptsMax
        if spare < 0, !isClosed { spare = Self.openSpare() }
        guard isPaused, !isClosed else { return }
        isPaused = false
        uv_poll_start(poll, Int32(UV_READABLE.rawValue), sluiceConnectionsWait)
    }

    /// False when there was no descriptor even for a refusal.
    private func refuseOne() -> Bool {
        if spare >= 0 { CLibuv.close(spare) }
        var address = sockaddr_storage()
        let descriptor = sluice_accept(listener.descriptor, &address)
        if descriptor >= 0 {
            Self.refuse(descriptor, refusal)
            delegate?.refusedForLackOfDescriptors()
        }
        spare = Self.openSpare()
        return descriptor >= 0
    }

    /// Sends a text over an accepted connection, and closes that. An empty text closes it without a word.
    package static func refuse(_ descriptor: Int32, _ text: [UInt8]) {
        // What the client sent is taken first: closing with unread bytes would reset the answer away.
        var scratch: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &scratch) { buffer in
            var reads = 0
            while !text.isEmpty, reads < 512, recv(descriptor, buffer.baseAddress, buffer.count, 0) > 0 { reads += 1 }
        }
        _ = text.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, sluice_msg_nosignal) }
        CLibuv.close(descriptor)
    }

    private static func openSpare() -> Int32 { sluice_open_spare() }
}

private func sluiceConnectionsWait(_ handle: UnsafeMutablePointer<uv_poll_t>?, _ status: Int32, _ events: Int32) {
    guard let data = handle?.pointee.data else { return }
    Unmanaged<Acceptor>.fromOpaque(data).takeUnretainedValue().takeConnections()
}

private func sluicePollClosed(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
    handle?.withMemoryRebound(to: uv_poll_t.self, capacity: 1) { $0.deallocate() }
}
