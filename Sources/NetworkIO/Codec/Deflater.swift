import CZlib

/// Compresses one message after the other with zlib, each by itself (RFC 7692 §7.2.1).
///
/// Thread: its owner's. Holds 24–55 KB, by the window.
package final class Deflater {
    /// Level 3 and memory level 5 give the size that the defaults of zlib give for chat messages, in less time and a
    /// fifth of the memory: docs/decisions/0005-permessage-deflate.md.
    private static let level: Int32 = 3
    private static let memoryLevel: Int32 = 5
    /// The empty block that a flush ends with and that does not go over the wire: 00 00 FF FF.
    private static let tailLength = 4

    /// zlib's state knows its stream by its address.
    private let stream: UnsafeMutablePointer<z_stream>

    /// - Parameter windowBits: how far back a message may refer to itself, as a base-2 logarithm: 9 to 15.
    package init(windowBits: Int) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let status = sluice_deflate_init(stream, Self.level, Int32(windowBits), Self.memoryLevel)
        precondition(status == Z_OK, "zlib has no memory, or no such window")
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Writes the compressed message to `target` and returns its length; nil when it does not fit.
    package func deflate(_ message: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int? {
        deflateReset(stream)
        // zlib only reads it.
        stream.pointee.next_in = UnsafeMutablePointer(mutating: message.assumingMemoryBound(to: UInt8.self).baseAddress)
        stream.pointee.avail_in = UInt32(message.count)
        stream.pointee.next_out = target.assumingMemoryBound(to: UInt8.self).baseAddress
        stream.pointee.avail_out = UInt32(target.count)
        let status = CZlib.deflate(stream, Z_SYNC_FLUSH)
        // With room left the flush is complete (zlib.h).
        guard status == Z_OK, stream.pointee.avail_out > 0 else { return nil }
        return target.count - Int(stream.pointee.avail_out) - Self.tailLength
    }
}
