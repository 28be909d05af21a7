import COpenSSL

/// One end of a TLS connection (RFC 8446, RFC 5246): turns bytes of the application into bytes of the network and
/// back. Knows no socket; what it makes lies in its `memory` until the caller has taken it, after each call.
///
/// Thread: its loop's.
package final class TLSStream {
    /// The outcome of received bytes.
    package struct Received {
        /// Plain bytes, from the start of the memory's `plain`.
        package fileprivate(set) var count = 0
        /// The handshake is through with this.
        package fileprivate(set) var isEstablishedNow = false
        /// The other side sends no more (close_notify).
        package fileprivate(set) var isEnded = false
    }

    /// The first byte of a handshake's record, and of an alert's (RFC 8446 §5.1).
    private static let (handshakeType, alertType) = (UInt8(22), UInt8(21))

    /// Steps of the handshake, new keys and alerts that a stream may make at once: a handshake takes some thirty, new
    /// keys four.
    static let stepsMax = 256
    /// For so many plain bytes that it receives a stream may make one step more: new keys are for gigabytes.
    private static let bytesPerStep = 4096

    package let memory: TLSMemory
    let ssl: OpaquePointer
    private var stepsLeft = stepsMax
    /// Whom a client asked for; nil on the server's side.
    private let host: String?
    /// Of a client, until it has begun.
    private var peer: TLSPeer?
    package private(set) var isEstablished = false
    var isServer: Bool { host == nil }
    private var hasReceived = false
    private var hasSaidEnd = false

    // What the socket did not take.
    private var unsent: [UInt8] = []
    private var unsentStart = 0
    /// Where in it the record ends that the last plain bytes are in, and how many those are.
    private var record = (end: 0, plainBytes: 0)

    /// The server's side: the client speaks first.
    package init(_ context: TLSServerContext, memory: TLSMemory) {
        self.memory = memory
        host = nil
        ssl = Self.make(context.pointer, memory)
        SSL_set_accept_state(ssl)
    }

    /// The client's side, which speaks first: see `begin`.
    package init(_ peer: TLSPeer, memory: TLSMemory) {
        self.memory = memory
        self.peer = peer
        host = peer.host
        ssl = Self.make(peer.context.pointer, memory)
        SSL_set_connect_state(ssl)
    }

    deinit { SSL_free(ssl) }

    private static func make(_ context: OpaquePointer, _ memory: TLSMemory) -> OpaquePointer {
        guard let ssl = SSL_new(context), let bio = BIO_new(memory.method) else {
            preconditionFailure("OpenSSL is out of memory")
        }
        BIO_set_data(bio, memory.pointer)
        SSL_set_bio(ssl, bio, bio)
        return ssl
    }

    /// The version of TLS and the cipher, for people.
    var cipher: String {
        let name = SSL_CIPHER_get_name(SSL_get_current_cipher(ssl)).map { String(cString: $0) } ?? ""
        return "\(String(cString: SSL_get_version(ssl))) \(name)"
    }

    // MARK: From the network

    /// Has a client speak first; nothing more than once, and of a server.
    package func begin() throws(TLSFault) {
        guard let peer = peer.take() else { return }
        guard peer.context.expect(peer.host, ssl) else { throw .otherHost(peer.host) }
        _ = try shake()
    }

    /// Takes received bytes. On a fault there may be an alert in the memory, for the other side.
    package func receive(_ bytes: UnsafeRawBufferPointer) throws(TLSFault) -> Received {
        if !hasReceived, let first = bytes.first {
            hasReceived = true
            guard first == Self.handshakeType || host != nil && first == Self.alertType else { throw .notTLS }
        }
        memory.pointer.pointee.input = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        memory.pointer.pointee.input_count = bytes.count
        memory.pointer.pointee.steps_left = stepsLeft
        defer { memory.pointer.pointee.input_count = 0 }
        var received = Received()
        if !isEstablished { received.isEstablishedNow = try shake() }
        if isEstablished { try read(&received) }
        stepsLeft = memory.pointer.pointee.steps_left
        guard stepsLeft > 0 else { throw .failed("too many handshakes, new keys or alerts") }
        stepsLeft = min(Self.stepsMax, stepsLeft + received.count / Self.bytesPerStep)
        return received
    }

    /// Goes on with the handshake; true when it is through.
    private func shake() throws(TLSFault) -> Bool {
        ERR_clear_error()
        let status = SSL_do_handshake(ssl)
        guard status != 1 else {
            isEstablished = true
            return true
        }
        guard SSL_get_error(ssl, status) == SSL_ERROR_WANT_READ else { throw fault() }
        return false
    }

    private func read(_ received: inout Received) throws(TLSFault) {
        while true {
            let room = UnsafeMutableRawBufferPointer(rebasing: memory.plain[received.count...])
            precondition(room.count > 0, "received bytes hold more plain ones than they are")
            ERR_clear_error()
            let status = SSL_read(ssl, room.baseAddress, Int32(room.count))
            guard status <= 0 else {
                received.count += Int(status)
                continue
            }
            switch SSL_get_error(ssl, status) {
            case SSL_ERROR_WANT_READ: return
            case SSL_ERROR_ZERO_RETURN:
                received.isEnded = true
                return
            default: throw fault()
            }
        }
    }

    private func fault() -> TLSFault {
        let isVerified = SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE
        return TLSFault(verdict: isVerified ? SSL_get_verify_result(ssl) : Int(X509_V_OK), host: host ?? "")
    }

    // MARK: To the network

    /// Puts plain bytes, at most a record's, into a record. The handshake must be through.
    package func encrypt(_ plain: UnsafeRawBufferPointer) throws(TLSFault) {
        ERR_clear_error()
        let status = SSL_write(ssl, plain.baseAddress, Int32(plain.count))
        guard status == plain.count else { throw fault() }
        record = (unsentCount + memory.output.count, plain.count)
    }

    /// Says, once, that nothing more comes from this side (close_notify).
    package func end() {
        guard isEstablished, !hasSaidEnd else { return }
        hasSaidEnd = true
        ERR_clear_error()
        _ = SSL_shutdown(ssl)
    }

    // MARK: What the socket did not take

    /// Bytes that are kept for it.
    var unsentCount: Int { unsent.count - unsentStart }
    /// Plain bytes of the record that is not out as a whole.
    var unsentPlainBytes: Int { unsentStart < record.end && unsentCount > 0 ? record.plainBytes : 0 }

    /// Hands what is kept, and behind it the memory's output, to `write`, which says how many bytes it took; keeps the
    /// rest. True when all was taken.
    package func flush(_ write: (UnsafeRawBufferPointer) -> Int) -> Bool {
        if unsentCount > 0 {
            unsent.append(contentsOf: memory.output)
            memory.clearOutput()
            unsentStart += unsent.withUnsafeBytes { write(UnsafeRawBufferPointer(rebasing: $0[unsentStart...])) }
            guard unsentStart == unsent.count else { return false }
            unsent = []
        } else if !memory.output.isEmpty {
            let count = write(memory.output)
            if count < memory.output.count { unsent = Array(memory.output[count...]) }
            record.end -= count
            memory.clearOutput()
        }
        unsentStart = 0
        return unsent.isEmpty
    }
}
