/// Append-only bytes that many sockets send from without a copy.
///
/// One thread appends; a range that was handed out never changes again, so other threads may read it while the owner
/// goes on appending behind it. A buffer never grows: when it is full its owner takes a new one, so that a range
/// stays where it is as long as somebody holds the buffer.
///
/// `@unchecked Sendable`: `count` belongs to the appending thread; readers use only ranges that were complete when
/// they were handed over through a mailbox.
package final class FrameBuffer: @unchecked Sendable {
    /// Bytes that fit in all.
    package let capacity: Int
    /// Bytes written so far.
    @exclusivity(unchecked) package private(set) var count = 0
    /// The first byte. Owned by the buffer.
    package let base: UnsafeMutableRawPointer

    /// Holds small frames for different sockets of one turn and is filled again in the next; whoever wants to keep
    /// such a frame longer copies it.
    package let isTransient: Bool

    package init(capacity: Int, isTransient: Bool = false) {
        self.capacity = capacity
        self.isTransient = isTransient
        base = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
    }

    deinit { base.deallocate() }

    /// Bytes that still fit.
    package var free: Int { capacity - count }

    /// Where the next byte goes. The caller writes at most `free` bytes there and then calls `advance(by:)`.
    @inline(__always)
    package var end: UnsafeMutableRawPointer { base + count }

    /// Takes `length` bytes, which were written at `end`, into the buffer.
    @inline(__always)
    package func advance(by length: Int) {
        precondition(length >= 0 && length <= capacity - count, "bytes were written past the end of a frame buffer")
        count += length
    }

    /// Empties the buffer so that it can be filled again. Only for an owner that shares it with nobody.
    package func removeAll() { count = 0 }

    /// Copies `bytes` to the end. There must be room.
    package func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        precondition(bytes.count <= free, "a frame buffer does not grow")
        end.copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }

    /// A buffer that holds just these bytes.
    package convenience init(copying bytes: UnsafeRawBufferPointer) {
        self.init(capacity: max(bytes.count, 1))
        append(bytes)
    }
}

/// A run of whole frames in a `FrameBuffer`: what a socket's queue is made of.
package struct FrameSlice: Sendable {
    package let buffer: FrameBuffer
    package var offset: Int
    package var length: Int

    package init(buffer: FrameBuffer, offset: Int, length: Int) {
        self.buffer = buffer
        self.offset = offset
        self.length = length
    }

    /// The bytes; valid while the slice is held.
    package var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: buffer.base + offset, count: length)
    }

    /// The payload, when the slice is one unmasked frame.
    package var payload: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[headLength...]) }

    /// The opcode of the slice's first frame; nil for bytes that begin no frame.
    package var opcode: Opcode? { Opcode(rawValue: bytes[0] & 0x0F) }

    /// The first of the unmasked frames that the slice holds.
    package var firstFrame: FrameSlice {
        let bytes = bytes
        let payloadLength =
            switch headLength {
            case 2: Int(bytes[1])
            case 4: Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
            default: Int(UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self)))
            }
        return FrameSlice(buffer: buffer, offset: offset, length: headLength + payloadLength)
    }

    private var headLength: Int {
        let marker = bytes[1] & 0x7F
        return marker < 126 ? 2 : marker == 126 ? 4 : 10
    }
}

/// Makes frames into slices of buffers that it takes and fills one after the other.
@usableFromInline package struct FrameArena {
    private var buffer: FrameBuffer?
    /// The size of the next buffer, and the largest, as powers of two: a room's history has an arena.
    private var nextShift: UInt8
    private let shiftMax: UInt8
    private let isTransient: Bool

    /// - Parameters:
    ///   - capacityMin: the first buffer's size in bytes; each further one is twice as large, up to `capacityMax`. Both
    ///     are powers of two.
    ///   - isTransient: whether `recycle` is used; see `FrameBuffer.isTransient`.
    package init(capacityMin: Int, capacityMax: Int, isTransient: Bool = false) {
        precondition(capacityMin.nonzeroBitCount == 1 && capacityMax.nonzeroBitCount == 1)
        nextShift = UInt8(capacityMin.trailingZeroBitCount)
        shiftMax = UInt8(capacityMax.trailingZeroBitCount)
        self.isTransient = isTransient
    }

    /// An unmasked frame around `payload`.
    package mutating func frame(_ opcode: Opcode, _ payload: UnsafeRawBufferPointer) -> FrameSlice {
        let length = FrameEncoder.headLength(payloadLength: payload.count) + payload.count
        let buffer = room(for: length)
        let start = buffer.count
        buffer.advance(by: FrameEncoder.writeHead(opcode: opcode, payloadLength: payload.count, to: buffer.end))
        buffer.append(payload)
        return FrameSlice(buffer: buffer, offset: start, length: length)
    }

    /// The bytes of two slices behind each other. Nothing but the second is copied when the first ends the arena.
    package mutating func join(_ first: FrameSlice, _ second: FrameSlice) -> FrameSlice {
        if let buffer, first.buffer === buffer, first.offset + first.length == buffer.count,
            buffer.free >= second.length
        {
            buffer.append(second.bytes)
            return FrameSlice(buffer: buffer, offset: first.offset, length: first.length + second.length)
        }
        let buffer = room(for: first.length + second.length)
        let start = buffer.count
        buffer.append(first.bytes)
        buffer.append(second.bytes)
        return FrameSlice(buffer: buffer, offset: start, length: first.length + second.length)
    }

    /// Bytes that are no frame, or frames that were made elsewhere.
    package mutating func copy(_ bytes: UnsafeRawBufferPointer) -> FrameSlice {
        let buffer = room(for: bytes.count)
        let start = buffer.count
        buffer.append(bytes)
        return FrameSlice(buffer: buffer, offset: start, length: bytes.count)
    }

    /// Where the payload of a compressed frame, at most `lengthMax` bytes, can be written before `endCompressed`.
    package mutating func beginCompressed(lengthMax: Int) -> UnsafeMutableRawBufferPointer {
        let head = FrameEncoder.headLength(payloadLength: lengthMax)
        return UnsafeMutableRawBufferPointer(start: room(for: head + lengthMax).end + head, count: lengthMax)
    }

    /// The unmasked frame around the first `length` bytes written to `payload`, which `beginCompressed` gave.
    package mutating func endCompressed(
        _ opcode: Opcode, _ payload: UnsafeMutableRawBufferPointer, length: Int
    ) -> FrameSlice {
        let buffer = room(for: 0)
        let start = buffer.count
        let head = FrameEncoder.writeHead(opcode: opcode, payloadLength: length, to: buffer.end, isCompressed: true)
        // A shorter payload may have a shorter head.
        if let source = payload.baseAddress, source != buffer.end + head {
            (buffer.end + head).copyMemory(from: source, byteCount: length)
        }
        buffer.advance(by: head + length)
        return FrameSlice(buffer: buffer, offset: start, length: head + length)
    }

    /// A masked text frame, as clients send it, around a payload of `length` bytes that `fill` writes.
    package mutating func maskedText(
        _ length: Int, mask: UInt32, _ fill: (UnsafeMutableRawBufferPointer) -> Void
    ) -> FrameSlice {
        let buffer = room(for: FrameHeader.bytesMax + length)
        let start = buffer.count
        buffer.advance(
            by: FrameEncoder.writeHead(opcode: .text, payloadLength: length, to: buffer.end, maskBit: 0x80))
        buffer.end.storeBytes(of: mask, as: UInt32.self)
        buffer.advance(by: 4)
        let payload = UnsafeMutableRawBufferPointer(start: buffer.end, count: length)
        fill(payload)
        Masking.apply(mask, to: payload)
        buffer.advance(by: length)
        return FrameSlice(buffer: buffer, offset: start, length: buffer.count - start)
    }

    /// The current buffer when `length` bytes fit, else a new one.
    private mutating func room(for length: Int) -> FrameBuffer {
        if let buffer, buffer.free >= length { return buffer }
        let new = FrameBuffer(capacity: max(1 << Int(nextShift), length), isTransient: isTransient)
        nextShift = min(nextShift + 1, shiftMax)
        buffer = new
        return new
    }

    /// Starts over: in the same buffer when nobody else holds it, and it was not made for an unusually large frame.
    package mutating func recycle() {
        guard let capacity = buffer?.capacity else { return }
        if capacity <= 1 << Int(shiftMax), isKnownUniquelyReferenced(&buffer) {
            buffer?.removeAll()
        } else {
            buffer = nil
        }
    }

    /// Lets go of the current buffer; those who hold slices of it keep it.
    package mutating func forget() { buffer = nil }
}
