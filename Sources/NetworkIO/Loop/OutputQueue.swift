import CLibuv
import WireProtocol

/// The bytes that wait to be written to one socket: slices of buffers that may be shared with other sockets.
///
/// The first slice stands in the socket itself, since most sockets never have a second one: a member of a busy room
/// gets one slice per turn, whatever the number of messages. Slices that lie behind each other in one buffer are one,
/// and a few small ones from different buffers (an ack and a message) are copied behind each other: copying some
/// hundred bytes costs less than the list that the kernel would have to be handed.
struct OutputQueue {
    enum Written {
        case all
        /// The kernel's buffer is full.
        case blocked
        case failed(Int32)
    }

    /// Slices that one system call takes; more take more calls.
    private static let slicesPerWrite = 64
    /// Bytes up to which slices of different buffers are copied together.
    private static let copiedBytesMax = 2048

    private var buffer: FrameBuffer?
    private var rest: Rest?
    /// Where the first slice began when it was queued: the start of a frame.
    private var start: UInt32 = 0
    private var offset: UInt32 = 0
    private var length: UInt32 = 0

    /// The slices behind the first one; there only while there are such. An array of its own and not a `FIFO`: that
    /// one's first places cost a second allocation per queue, which a burst pays once per member (1.93 for 1.33 per
    /// message).
    private final class Rest {
        @exclusivity(unchecked) var slices: ContiguousArray<FrameSlice> = []
        @exclusivity(unchecked) var head = 0
        /// Slices before this one lie in no transient buffer any more.
        var copied = 0
        @exclusivity(unchecked) var byteCount = 0
    }

    var isEmpty: Bool { buffer == nil }
    var byteCount: Int { Int(length) + (rest?.byteCount ?? 0) }

    @inline(__always)
    mutating func append(_ slice: FrameSlice, _ scratch: inout FrameArena) {
        guard slice.length > 0 else { return }
        guard let first = buffer else {
            buffer = slice.buffer
            start = UInt32(slice.offset)
            offset = start
            length = UInt32(slice.length)
            return
        }
        guard let rest else {
            if first === slice.buffer, Int(offset) + Int(length) == slice.offset {
                length += UInt32(slice.length)
                return
            }
            if start == offset, Int(length) + slice.length <= Self.copiedBytesMax {
                let joined = scratch.join(
                    FrameSlice(buffer: first, offset: Int(offset), length: Int(length)), slice)
                buffer = joined.buffer
                start = UInt32(joined.offset)
                offset = start
                length = UInt32(joined.length)
                return
            }
            let rest = Rest()
            rest.slices.append(slice)
            rest.byteCount = slice.length
            self.rest = rest
            return
        }
        rest.byteCount += slice.length
        let last = rest.slices.count - 1
        if rest.slices[last].buffer === slice.buffer,
            rest.slices[last].offset + rest.slices[last].length == slice.offset
        {
            rest.slices[last].length += slice.length
        } else {
            rest.slices.append(slice)
        }
    }

    /// Takes a slice of which the kernel has the first `sent` bytes already; nothing else is queued.
    mutating func append(_ slice: FrameSlice, sent: Int) {
        buffer = slice.buffer
        start = UInt32(slice.offset)
        offset = start + UInt32(sent)
        length = UInt32(slice.length - sent)
    }

    /// Writes as much as the kernel takes.
    /// - Parameter isLast: the socket is closed right behind; the kernel then puts the end into the last packet.
    mutating func write(to descriptor: Int32, isLast: Bool) -> Written {
        let options = isLast ? sluice_msg_nosignal | sluice_msg_more : sluice_msg_nosignal
        while let first = buffer {
            let (written, offered): (Int, Int)
            if let rest {
                (written, offered) = writeMany(first, rest, to: descriptor, options)
            } else {
                written = Int(send(descriptor, first.base + Int(offset), Int(length), options))
                offered = Int(length)
            }
            if written < 0 {
                if sluice_errno() == EAGAIN { return .blocked }
                if sluice_errno() == EINTR { continue }
                return .failed(sluice_errno())
            }
            removeFirst(written)
            // A short write means a full buffer, and the kernel will report when there is room again.
            if written < offered { return .blocked }
        }
        return .all
    }

    /// Offers as many slices as one call takes; returns what was taken and what was offered.
    private func writeMany(
        _ first: FrameBuffer, _ rest: Rest, to descriptor: Int32, _ options: Int32
    ) -> (written: Int, offered: Int) {
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: Self.slicesPerWrite) { vectors in
            vectors.initializeElement(at: 0, to: iovec(iov_base: first.base + Int(offset), iov_len: Int(length)))
            var count = 1
            var offered = Int(length)
            for slice in rest.slices[rest.head...].prefix(Self.slicesPerWrite - 1) {
                vectors.initializeElement(
                    at: count, to: iovec(iov_base: slice.buffer.base + slice.offset, iov_len: slice.length))
                count += 1
                offered += slice.length
            }
            var message = msghdr()
            message.msg_iov = vectors.baseAddress
            message.msg_iovlen = count
            return (Int(sendmsg(descriptor, &message, options)), offered)
        }
    }

    /// Takes up to `most` bytes out, in one piece for `body`: of the first slice, or of several behind each other.
    /// - Parameter scratch: room for `most` bytes.
    mutating func takeFront(
        _ most: Int, gatheredIn scratch: UnsafeMutableRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) throws(TLSFault) -> Void
    ) throws(TLSFault) {
        guard let first = buffer else { return }
        var count = min(Int(length), most)
        var bytes = UnsafeRawBufferPointer(start: first.base + Int(offset), count: count)
        if let rest, count < most {
            scratch.copyMemory(from: bytes)
            for slice in rest.slices[rest.head...] {
                guard count < most else { break }
                let taken = min(slice.length, most - count)
                scratch[count...].copyBytes(from: UnsafeRawBufferPointer(rebasing: slice.bytes[..<taken]))
                count += taken
            }
            bytes = UnsafeRawBufferPointer(rebasing: scratch[..<count])
        }
        try body(bytes)
        removeFirst(count)
    }

    private mutating func removeFirst(_ written: Int) {
        var left = written
        while left > 0 || length == 0, buffer != nil {
            if left < Int(length) {
                offset += UInt32(left)
                length -= UInt32(left)
                return
            }
            left -= Int(length)
            takeNext()
        }
    }

    /// Puts the next slice of `rest` into the first place.
    private mutating func takeNext() {
        guard let rest else {
            buffer = nil
            length = 0
            return
        }
        let next = rest.slices[rest.head]
        buffer = next.buffer
        start = UInt32(next.offset)
        offset = start
        length = UInt32(next.length)
        rest.head += 1
        rest.byteCount -= next.length
        assert(rest.byteCount >= 0, "more bytes were taken out than queued")
        if rest.head == rest.slices.count {
            self.rest = nil
        } else if rest.head > 64, rest.head * 2 > rest.slices.count {
            rest.slices.removeFirst(rest.head)
            rest.copied = max(rest.copied - rest.head, 0)
            rest.head = 0
        }
    }

    /// Moves what lies in transient buffers into buffers of its own, so that a slow reader does not hold on to memory
    /// that is mostly other people's.
    mutating func copyTransientSlices() {
        if let first = buffer, first.isTransient {
            let whole = Int(offset - start) + Int(length)
            buffer = FrameBuffer(copying: UnsafeRawBufferPointer(start: first.base + Int(start), count: whole))
            offset -= start
            start = 0
        }
        guard let rest else { return }
        let new = max(rest.head, rest.copied)..<rest.slices.count
        rest.copied = rest.slices.count
        for index in new where rest.slices[index].buffer.isTransient {
            let slice = rest.slices[index]
            rest.slices[index] = FrameSlice(
                buffer: FrameBuffer(copying: slice.bytes), offset: 0, length: slice.length)
        }
    }

    /// Keeps only the frame of which bytes have gone out already, if there is one.
    mutating func dropFramesBehindFirst() {
        rest = nil
        guard let first = buffer else { return }
        let sent = Int(offset - start)
        let slice = UnsafeRawBufferPointer(start: first.base + Int(start), count: sent + Int(length))
        let end = FrameEncoder.endOfFrame(holding: sent, in: slice)
        length = UInt32(end - sent)
        if length == 0 { buffer = nil }
    }
}
