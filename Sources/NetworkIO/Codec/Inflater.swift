import CZlib

/// The outcome of inflating a message. The bytes are valid until the next one.
package enum Inflated {
    case whole(UnsafeRawBufferPointer)
    /// It would become larger than allowed; the rest was not looked at.
    case tooLarge
    /// This is not, or not all of, DEFLATE data.
    case broken
}

/// Inflates one compressed message after the other with zlib, each by itself (RFC 7692 §7.2.2).
///
/// Thread: its owner's. Holds 40 KB and a buffer for the last message.
package final class Inflater {
    /// The largest window of DEFLATE, which takes the data of every other one.
    private static let windowBits: Int32 = 15
    private static let firstBytes = 16 * 1024
    /// Bytes of the buffer that are kept from one message to the next.
    private static let keptBytesMax = 128 * 1024
    /// The bytes that the sender took off the end of the message (§7.2.1).
    private static let tail: [UInt8] = [0x00, 0x00, 0xFF, 0xFF]
    /// In `z_stream.data_type`: the data so far end between two blocks (zlib.h, `inflate`).
    private static let betweenBlocks: Int32 = 128

    /// zlib's state knows its stream by its address.
    private let stream: UnsafeMutablePointer<z_stream>
    private var output: UnsafeMutableRawBufferPointer
    /// Bytes of the message in `output`.
    private var count = 0

    package init() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let status = sluice_inflate_init(stream, Self.windowBits)
        precondition(status == Z_OK, "zlib has no memory")
        output = .allocate(byteCount: Self.firstBytes, alignment: 16)
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        output.deallocate()
    }

    /// Inflates a message.
    /// - Parameter byteCountMax: how large it may become. Of a larger one not more than this and a byte is made.
    package func inflate(_ message: UnsafeRawBufferPointer, byteCountMax: Int) -> Inflated {
        inflateReset(stream)
        count = 0
        // Senders should send an empty message as one zero byte, but some send nothing (§7.2.3.6).
        if message.isEmpty { return .whole(bytes) }
        switch feed(message, byteCountMax: byteCountMax) {
        case .betweenBlocks: return .whole(bytes)
        case .insideBlock: break
        case .tooLarge: return .tooLarge
        case .broken: return .broken
        }
        let inflated = count
        let ending = Self.tail.withUnsafeBytes { feed($0, byteCountMax: byteCountMax) }
        // In a message that is complete the tail is an empty block; in one that was cut off it may pass for content.
        return ending == .betweenBlocks && count == inflated ? .whole(bytes) : .broken
    }

    /// Gives back the memory that an unusually large message took.
    package func settle() {
        if output.count > Self.keptBytesMax { resize(to: Self.firstBytes, keeping: 0) }
    }

    private var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: output[..<count]) }

    private enum Fed {
        case betweenBlocks
        case insideBlock
        case tooLarge
        case broken
    }

    /// Inflates all of `input` behind what is there.
    private func feed(_ input: UnsafeRawBufferPointer, byteCountMax: Int) -> Fed {
        // zlib only reads it.
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.assumingMemoryBound(to: UInt8.self).baseAddress)
        stream.pointee.avail_in = UInt32(input.count)
        while true {
            if count == output.count { resize(to: min(count * 2, byteCountMax + 1), keeping: count) }
            let room = min(output.count, byteCountMax + 1) - count
            stream.pointee.next_out = output.assumingMemoryBound(to: UInt8.self).baseAddress.map { $0 + count }
            stream.pointee.avail_out = UInt32(room)
            let status = CZlib.inflate(stream, Z_SYNC_FLUSH)
            count += room - Int(stream.pointee.avail_out)
            if count > byteCountMax { return .tooLarge }
            switch status {
            case Z_OK, Z_BUF_ERROR:
                // With room left everything that the input gives is there.
                if stream.pointee.avail_in > 0 || stream.pointee.avail_out == 0 { continue }
                return stream.pointee.data_type & Self.betweenBlocks != 0 ? .betweenBlocks : .insideBlock
            case Z_STREAM_END:
                // A block with BFINAL: what follows begins at a byte, by itself (§7.2.3.5).
                if stream.pointee.avail_in == 0 { return .betweenBlocks }
                inflateReset(stream)
            default:
                return .broken
            }
        }
    }

    private func resize(to byteCount: Int, keeping kept: Int) {
        let resized = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 16)
        resized.copyMemory(from: UnsafeRawBufferPointer(rebasing: output[..<kept]))
        output.deallocate()
        output = resized
    }
}
