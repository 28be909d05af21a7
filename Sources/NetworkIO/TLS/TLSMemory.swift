import COpenSSL

/// The memory that lies between the TLS streams of one loop and their sockets, one stream after the other.
///
/// Streams have no buffers for what is on its way: OpenSSL reads from what was received just now, and writes where it
/// is sent from at once. Thread: its loop's.
package final class TLSMemory {
    /// The most plain bytes that a record holds (RFC 8446 §5.1).
    package static let recordBytesMax = 16 * 1024

    /// OpenSSL keeps pointers to it: it lives longer than the streams.
    let pointer: UnsafeMutablePointer<sluice_tls_memory>
    let method: OpaquePointer
    /// Where plain bytes are put that are received, with room for those of a record that an earlier read began.
    package let plain: UnsafeMutableRawBufferPointer
    /// Where slices are put behind each other that leave in one record.
    let record = UnsafeMutableRawBufferPointer.allocate(byteCount: recordBytesMax, alignment: 64)

    /// - Parameter receivedBytesMax: the most that is received at once.
    package init(receivedBytesMax: Int) {
        pointer = .allocate(capacity: 1)
        pointer.initialize(to: sluice_tls_memory())
        plain = .allocate(byteCount: receivedBytesMax + 2 * Self.recordBytesMax, alignment: 64)
        guard let method = sluice_tls_make_method() else { preconditionFailure("OpenSSL is out of memory") }
        self.method = method
    }

    deinit {
        BIO_meth_free(method)
        free(pointer.pointee.output)
        pointer.deallocate()
        plain.deallocate()
        record.deallocate()
    }

    /// Bytes for the other side that a stream has just made; valid until the next call of one.
    var output: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: pointer.pointee.output, count: pointer.pointee.output_count)
    }

    func clearOutput() { pointer.pointee.output_count = 0 }
}
