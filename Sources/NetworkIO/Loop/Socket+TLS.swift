import CLibuv
import WireProtocol

// TLS between a socket's queue and the kernel. A plain socket has nothing of it but two bits of its flags.
extension Socket {
    /// Bytes for the peer that are kept, beyond its queue: handshakes and alerts that it does not take.
    private static let unsentBytesMax = 64 * 1024

    /// Speaks TLS as the server from now on. To be called before anything is received or sent.
    package func secure(_ context: TLSServerContext) {
        loop.secure.add(TLSStream(context, memory: loop.secure.memory), for: self)
        flags.formUnion([.secured, .shaking])
    }

    /// Speaks TLS as the client from now on; what is sent waits for the handshake. To be called before anything is
    /// received or sent.
    package func secure(_ peer: TLSPeer) {
        loop.secure.add(TLSStream(peer, memory: loop.secure.memory), for: self)
        flags.formUnion([.secured, .shaking])
        flushLater()
    }

    /// The version of TLS and the cipher, for people; nil without TLS.
    package var cipher: String? { flags.contains(.secured) ? loop.secure.stream(of: self).cipher : nil }

    func receivedSecured(_ bytes: UnsafeMutableRawBufferPointer) {
        let stream = loop.secure.stream(of: self)
        do throws(TLSFault) {
            let received = try stream.receive(UnsafeRawBufferPointer(bytes))
            sendRecords(of: stream)
            if received.isEstablishedNow {
                flags.remove(.shaking)
                secured()
            }
            if received.count > 0, isOpen {
                self.received(UnsafeMutableRawBufferPointer(rebasing: stream.memory.plain[..<received.count]))
            }
            guard isOpen else { return }
            if received.isEstablishedNow, queuedBytes > 0 || flags.contains(.ending) { flushLater() }
            if stream.unsentCount > Self.unsentBytesMax { return reset() }
            if received.isEnded {
                flags.insert(.halfClosed)
                finishIfPeerEnded()
            }
        } catch .notTLS where stream.isServer {
            forgetStream()
            if let delegate = loop.delegate { delegate.loop(sawPlain: self) } else { reset() }
        } catch {
            sendRecords(of: stream, before: error)
        }
    }

    func forgetStream() {
        loop.secure.remove(self)
        flags.subtract([.secured, .shaking])
    }

    /// Hands to the kernel what the stream has made; the stream keeps what that does not take.
    /// - Parameter fault: ends the connection, behind the alert that says why.
    private func sendRecords(of stream: TLSStream, before fault: TLSFault? = nil) {
        guard descriptor >= 0 else { return stream.memory.clearOutput() }
        var failure: Int32?
        let isOut = stream.flush { bytes in
            let count = CLibuv.send(descriptor, bytes.baseAddress, bytes.count, sluice_msg_nosignal)
            if count >= 0 { return count }
            if sluice_errno() != EAGAIN && sluice_errno() != EINTR { failure = sluice_errno() }
            return 0
        }
        wrote(failure.map { .failed($0) } ?? (isOut ? .all : .blocked))
        if let fault { finish(.insecure(fault)) }
    }

    /// Puts what is queued into records, as many as the kernel takes, and behind the last one the end, if one is due.
    func flushSecured() {
        guard !flags.contains(.blocked) else { return }
        let stream = loop.secure.stream(of: self)
        do throws(TLSFault) { try stream.begin() } catch { return sendRecords(of: stream, before: error) }
        sendRecords(of: stream)
        if flags.contains(.shaking) {
            if isOpen, !flags.contains(.blocked), !stream.isServer { handshakeBegan() }
            return
        }
        while isOpen, !flags.contains(.blocked), !output.isEmpty {
            do throws(TLSFault) {
                try output.takeFront(TLSMemory.recordBytesMax, gatheredIn: stream.memory.record) {
                    bytes throws(TLSFault) in try stream.encrypt(bytes)
                }
            } catch {
                return sendRecords(of: stream, before: error)
            }
            sendRecords(of: stream)
        }
        if isOpen, output.isEmpty, flags.contains(.ending), !flags.contains(.shutDown) {
            stream.end()
            sendRecords(of: stream)
        }
    }
}

/// The streams of a loop's sockets that speak TLS, beside the sockets, so that plain ones need no place for one.
///
/// Thread: the loop's.
final class SecureSockets {
    let memory: TLSMemory
    /// By slot.
    private var streams: ContiguousArray<TLSStream?> = []

    init(receivedBytesMax: Int) { memory = TLSMemory(receivedBytesMax: receivedBytesMax) }

    func add(_ stream: TLSStream, for socket: Socket) {
        let slot = Int(socket.slot)
        if slot >= streams.count { streams.append(contentsOf: repeatElement(nil, count: slot + 1 - streams.count)) }
        streams[slot] = stream
    }

    func remove(_ socket: Socket) { streams[Int(socket.slot)] = nil }

    func stream(of socket: Socket) -> TLSStream {
        guard let stream = streams[Int(socket.slot)] else { preconditionFailure("a secured socket has no stream") }
        return stream
    }

    func unsentCount(of socket: Socket) -> Int { stream(of: socket).unsentCount }
    func unsentPlainBytes(of socket: Socket) -> Int { stream(of: socket).unsentPlainBytes }

    /// Before a socket is closed that is not broken: the peer learns that nothing was cut off, if the kernel takes it.
    func sayEnd(of socket: Socket, _ end: SocketEnd) {
        let stream = stream(of: socket)
        guard socket.output.isEmpty, stream.unsentCount == 0 else { return }
        switch end {
        case .local, .peer: stream.end()
        case .failed, .insecure: return
        }
        _ = stream.flush { bytes in
            max(CLibuv.send(socket.descriptor, bytes.baseAddress, bytes.count, sluice_msg_nosignal), 0)
        }
    }
}
