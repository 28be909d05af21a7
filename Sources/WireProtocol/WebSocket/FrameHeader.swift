/// The kinds of frames (RFC 6455 §5.2).
package enum Opcode: UInt8, Sendable {
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    var isControl: Bool { rawValue & 0x8 != 0 }
    /// Text or binary.
    var beginsMessage: Bool { self == .text || self == .binary }
}

/// Which end of a connection decodes; it decides who must mask (RFC 6455 §5.1).
package enum WebSocketRole: Sendable {
    /// Frames that arrive must be masked.
    case server
    /// Frames that arrive must not be masked.
    case client
}

/// The head of one frame (RFC 6455 §5.2).
struct FrameHeader {
    /// The longest head: 2 bytes, 8 of length, 4 of mask.
    static let bytesMax = 14
    /// RSV1 in the first byte.
    static let reservedBit1: UInt8 = 0x40

    let opcode: Opcode
    let isFinal: Bool
    /// RSV1: the first frame of a compressed message (RFC 7692 §6).
    let isCompressed: Bool
    let payloadLength: Int
    /// The key as it lies on the wire, first byte lowest; nil when the frame is not masked.
    let mask: UInt32?
    /// Bytes of the head itself.
    let length: Int

    enum Parse {
        case incomplete
        case header(FrameHeader)
        case violation(StaticString)
    }

    /// Reads a head from the front of `bytes`, reporting a violation as soon as the bytes show it.
    /// - Parameter isDeflateAgreed: permessage-deflate was negotiated, which gives RSV1 its meaning.
    static func parse(_ bytes: UnsafeRawBufferPointer, role: WebSocketRole, isDeflateAgreed: Bool) -> Parse {
        guard bytes.count >= 1 else { return .incomplete }
        let first = bytes[0]
        if first & (isDeflateAgreed ? 0x30 : 0x70) != 0 {
            return .violation("reserved bits are set for which no extension was negotiated")
        }
        guard let opcode = Opcode(rawValue: first & 0x0F) else { return .violation("reserved opcode") }
        let isCompressed = first & reservedBit1 != 0
        // RFC 7692 §6.1.
        if isCompressed && !opcode.beginsMessage { return .violation("only a message's first frame may have RSV1") }
        let isFinal = first & 0x80 != 0
        if opcode.isControl && !isFinal { return .violation("control frames must not be fragmented") }

        guard bytes.count >= 2 else { return .incomplete }
        let second = bytes[1]
        let isMasked = second & 0x80 != 0
        switch role {
        case .server where !isMasked: return .violation("frames from a client must be masked")
        case .client where isMasked: return .violation("frames from a server must not be masked")
        default: break
        }
        let shortLength = Int(second & 0x7F)
        if opcode.isControl && shortLength > 125 { return .violation("control frames hold at most 125 bytes") }

        let lengthBytes = shortLength == 126 ? 2 : shortLength == 127 ? 8 : 0
        guard bytes.count >= 2 + lengthBytes else { return .incomplete }
        let payloadLength: Int
        switch lengthBytes {
        case 0:
            payloadLength = shortLength
        case 2:
            payloadLength = Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
            if payloadLength < 126 { return .violation("the length must be written in the fewest bytes") }
        default:
            let long = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
            if long >> 63 != 0 { return .violation("the highest bit of a 64-bit length must be 0") }
            if long <= 0xFFFF { return .violation("the length must be written in the fewest bytes") }
            payloadLength = Int(long)
        }
        let maskOffset = 2 + lengthBytes
        let length = maskOffset + (isMasked ? 4 : 0)
        guard bytes.count >= length else { return .incomplete }
        let mask = isMasked ? bytes.loadUnaligned(fromByteOffset: maskOffset, as: UInt32.self) : nil
        return .header(
            FrameHeader(
                opcode: opcode, isFinal: isFinal, isCompressed: isCompressed, payloadLength: payloadLength, mask: mask,
                length: length))
    }
}
