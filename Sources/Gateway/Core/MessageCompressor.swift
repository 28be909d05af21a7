import NetworkIO
import WireProtocol

/// A worker's compression of messages (RFC 7692): what it sends to those who agreed to it, and what they send.
///
/// One for all connections of the worker, since no message depends on another. Thread: the worker's.
final class MessageCompressor {
    /// Payloads below this many bytes go out as they are: compressing one costs some 9 µs and saves less than a
    /// quarter of it, and where it did not make it smaller nothing.
    static let payloadBytesMin = 256

    /// By window bits, made when the first connection with such a window needs it.
    private var deflaters: ContiguousArray<Deflater?>
    /// Made when the first compressed message comes.
    @exclusivity(unchecked) private var openInflater: Inflater?
    /// Compressed frames of this turn.
    @exclusivity(unchecked) private var frames = FrameArena(
        capacityMin: 64 * 1024, capacityMax: 256 * 1024, isTransient: true)

    init() { deflaters = ContiguousArray(repeating: nil, count: DeflateAgreement.windowBitsRange.count) }

    /// A frame in its compressed form, good until the end of the turn; nil when it is too small for that, or would
    /// not get smaller.
    func compressed(_ frame: FrameSlice, windowBits: Int) -> FrameSlice? {
        let payload = frame.payload
        guard payload.count >= Self.payloadBytesMin, let opcode = frame.opcode else { return nil }
        let target = frames.beginCompressed(lengthMax: payload.count)
        guard let length = deflater(windowBits).deflate(payload, into: target) else { return nil }
        return frames.endCompressed(opcode, target, length: length)
    }

    /// A copy of a frame that stands behind the last compressed one, so that both go out as one slice.
    func copied(_ frame: FrameSlice) -> FrameSlice { frames.copy(frame.bytes) }

    /// The content of a compressed message, valid until the next one comes.
    func inflate(_ message: UnsafeRawBufferPointer, byteCountMax: Int) -> Inflated {
        let inflater = openInflater ?? Inflater()
        openInflater = inflater
        return inflater.inflate(message, byteCountMax: byteCountMax)
    }

    /// All frames of this turn are with the kernel, or kept by sockets.
    func turnEnded() {
        frames.recycle()
        openInflater?.settle()
    }

    private func deflater(_ windowBits: Int) -> Deflater {
        let place = windowBits - DeflateAgreement.windowBitsRange.lowerBound
        if let made = deflaters[place] { return made }
        let made = Deflater(windowBits: windowBits)
        deflaters[place] = made
        return made
    }
}
