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

    private enum Held {
        case nothing
        /// One slice of this buffer.
        case one(FrameBuffer)
        case several(Several)
    }

    private var held = Held.nothing
    /// Where the first slice began when it was queued: the start of a frame.
    private var start: UInt32 = 0
    private var offset: UInt32 = 0
    private var length: UInt32 = 0

    /// The first slice's buffer, and the slices behind it; there only while there are such. An array of its own and not
    /// a `FIFO`: that one's first places cost a second allocation per queue, which a burst pays once per member (1.93
    /// for 1.33 per message).
    private final class Several {
        @exclusivity(unchecked) var first: FrameBuffer
        @exclusivity(unchecked) var slices: ContiguousArray<FrameSlice> = []
        @exclusivity(unchecked) var head = 0
        /// Slices before this one lie in no transient buffer any more.
        var copied = 0
        @exclusivity(unchecked) var byteCount: Int

        init(_ first: FrameBuffer, _ second: FrameSlice) {
            self.first = first
            slices.append(second)
            byteCount = second.length
        }
    }

    var isEmpty: Bool { if case .nothing = held { true } else { false } }
    var byteCount: Int {
        if case .several(let several) = held { Int(length) + several.byteCount } else { Int(length) }
    }

    private var first: FrameBuffer? {
        switch held {
        case .nothing: nil
        case .one(let first): first
        case .several(let several): several.first
        }
    }

    @inline(__always)
    mutating func append(_ slice: FrameSlice, _ scratch: inout FrameArena) {
        guard slice.length > 0 else { return }
        switch held {
        case .nothing: begin(with: slice)
        case .one(let first): append(slice, behind: first, &scratch)
        case .several(let several): append(slice, to: several)
        }
    }

    /// The queue's only slice.
    @inline(__always)
    private mutating func begin(with slice: FrameSlice) {
        held = .one(slice.buffer)
        start = UInt32(slice.offset)
        offset = start
        length = UInt32(slice.length)
    }

    private mutating func append(_ slice: FrameSlice, behind first: FrameBuffer, _ scratch: inout FrameArena) {
        if first === slice.buffer, Int(offset) + Int(length) == slice.offset {
            length += UInt32(slice.length)
        } else if start == offset, Int(length) + slice.length <= Self.copiedBytesMax {
            let before = FrameSlice(buffer: first, offset: Int(offset), length: Int(length))
            begin(with: scratch.join(before, slice))
        } else {
            held = .several(Several(first, slice))
        }
    }

    private func append(_ slice: FrameSlice, to several: Several) {
        several.byteCount += slice.length
        let last = several.slices.count - 1
        if several.slices[last].buffer === slice.buffer,
            several.slices[last].offset + several.slices[last].length == slice.offset
        {
            several.slices[last].length += slice.length
        } else {
            several.slices.append(slice)
        }
    }

    /// Takes a slice of which the kernel has the first `sent` bytes already; nothing else is queued.
    mutating func append(_ slice: FrameSlice, sent: Int) {
        begin(with: slice)
        offset += UInt32(sent)
        length -= UInt32(sent)
    }

    /// Writes as much as the kernel takes.
    /// - Parameter isLast: the socket is closed right behind; the kernel then puts the end into the last packet.
    mutating func write(to descriptor: Int32, isLast: Bool) -> Written {
        let options = isLast ? sluice_msg_nosignal | sluice_msg_more : sluice_msg_nosignal
        while true {
            let (written, offered): (Int, Int)
            switch held {
            case .nothing: return .all
            case .one(let first):
                written = Int(send(descriptor, first.base + Int(offset), Int(length), options))
                offered = Int(length)
            case .several(let several): (written, offered) = write(several, to: descriptor, options)
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
    }

    /// Offers as many slices as one call takes; returns what was taken and what was offered.
    private func write(
        _ several: Several, to descriptor: Int32, _ options: Int32
    ) -> (written: Int, offered: Int) {
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: Self.slicesPerWrite) { vectors in
            let first = several.first.base + Int(offset)
            vectors.initializeElement(at: 0, to: iovec(iov_base: first, iov_len: Int(length)))
            var count = 1
            var offered = Int(length)
            for slice in several.slices[several.head...].prefix(Self.slicesPerWrite - 1) {
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
        guard let first else { return }
        var count = min(Int(length), most)
        var bytes = UnsafeRawBufferPointer(start: first.base + Int(offset), count: count)
        if case .several(let several) = held, count < most {
            scratch.copyMemory(from: bytes)
            for slice in several.slices[several.head...] {
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
        while left > 0 || length == 0, !isEmpty {
            if left < Int(length) {
                offset += UInt32(left)
                length -= UInt32(left)
                return
            }
            left -= Int(length)
            takeNext()
        }
    }

    /// Puts the next slice into the first place.
    private mutating func takeNext() {
        guard case .several(let several) = held else {
            held = .nothing
            length = 0
            return
        }
        let next = several.slices[several.head]
        several.first = next.buffer
        start = UInt32(next.offset)
        offset = start
        length = UInt32(next.length)
        several.head += 1
        several.byteCount -= next.length
        assert(several.byteCount >= 0, "more bytes were taken out than queued")
        if several.head == several.slices.count {
            held = .one(next.buffer)
        } else if several.head > 64, several.head * 2 > several.slices.count {
            several.slices.removeFirst(several.head)
            several.copied = max(several.copied - several.head, 0)
            several.head = 0
        }
    }

    /// Moves what lies in transient buffers into buffers of its own, so that a slow reader does not hold on to memory
    /// that is mostly other people's.
    mutating func copyTransientSlices() {
        switch held {
        case .nothing: break
        case .one(let first): if first.isTransient { held = .one(copyFirst(first)) }
        case .several(let several):
            if several.first.isTransient { several.first = copyFirst(several.first) }
            let new = max(several.head, several.copied)..<several.slices.count
            several.copied = several.slices.count
            for index in new where several.slices[index].buffer.isTransient {
                let slice = several.slices[index]
                several.slices[index] = FrameSlice(
                    buffer: FrameBuffer(copying: slice.bytes), offset: 0, length: slice.length)
            }
        }
    }

    /// The first slice, whole, in a buffer of its own.
    private mutating func copyFirst(_ first: FrameBuffer) -> FrameBuffer {
        let whole = Int(offset - start) + Int(length)
        let copy = FrameBuffer(copying: UnsafeRawBufferPointer(start: first.base + Int(start), count: whole))
        offset -= start
        start = 0
        return copy
    }

    /// Keeps only the frame of which bytes have gone out already, if there is one.
    mutating func dropFramesBehindFirst() {
        guard let first else { return }
        let sent = Int(offset - start)
        let slice = UnsafeRawBufferPointer(start: first.base + Int(start), count: sent + Int(length))
        let end = FrameEncoder.endOfFrame(holding: sent, in: slice)
        length = UInt32(end - sent)
        held = length == 0 ? .nothing : .one(first)
    }
}
