/// Writes frames (RFC 6455 §5.2). A server's frames are not masked, a client's are.
package enum FrameEncoder {
    /// Bytes of an unmasked head for a payload of this length: 2, 4 or 10.
    @inline(__always)
    package static func headLength(payloadLength: Int) -> Int {
        payloadLength < 126 ? 2 : payloadLength <= 0xFFFF ? 4 : 10
    }

    /// Writes an unmasked, final head at `target`, which has room for it; returns its length.
    /// - Parameter isCompressed: sets RSV1 (RFC 7692 §6).
    @inline(__always)
    package static func writeHead(
        opcode: Opcode, payloadLength: Int, to target: UnsafeMutableRawPointer, maskBit: UInt8 = 0,
        isCompressed: Bool = false
    ) -> Int {
        let reserved = isCompressed ? FrameHeader.reservedBit1 : 0
        target.storeBytes(of: 0x80 | reserved | opcode.rawValue, as: UInt8.self)
        if payloadLength < 126 {
            target.storeBytes(of: maskBit | UInt8(payloadLength), toByteOffset: 1, as: UInt8.self)
            return 2
        }
        if payloadLength <= 0xFFFF {
            target.storeBytes(of: maskBit | 126, toByteOffset: 1, as: UInt8.self)
            target.storeBytes(of: UInt16(payloadLength).bigEndian, toByteOffset: 2, as: UInt16.self)
            return 4
        }
        target.storeBytes(of: maskBit | 127, toByteOffset: 1, as: UInt8.self)
        target.storeBytes(of: UInt64(payloadLength).bigEndian, toByteOffset: 2, as: UInt64.self)
        return 10
    }

    /// A whole unmasked frame as a buffer of its own.
    package static func frame(_ opcode: Opcode, _ payload: UnsafeRawBufferPointer) -> FrameBuffer {
        let buffer = FrameBuffer(capacity: headLength(payloadLength: payload.count) + payload.count)
        buffer.advance(by: writeHead(opcode: opcode, payloadLength: payload.count, to: buffer.end))
        buffer.append(payload)
        return buffer
    }

    /// A whole masked frame, as clients send it. `mask` should be fresh random bits for each frame (§5.3).
    package static func maskedFrame(
        _ opcode: Opcode, _ payload: UnsafeRawBufferPointer, mask: UInt32, isFinal: Bool = true,
        isCompressed: Bool = false
    ) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: FrameHeader.bytesMax + payload.count) { target, count in
            guard let base = UnsafeMutableRawBufferPointer(target).baseAddress else { return }
            var length = writeHead(
                opcode: opcode, payloadLength: payload.count, to: base, maskBit: 0x80, isCompressed: isCompressed)
            if !isFinal { base.storeBytes(of: base.load(as: UInt8.self) & 0x7F, as: UInt8.self) }
            base.storeBytes(of: mask, toByteOffset: length, as: UInt32.self)
            length += 4
            if let source = payload.baseAddress {
                (base + length).copyMemory(from: source, byteCount: payload.count)
                Masking.apply(
                    mask, to: UnsafeMutableRawBufferPointer(start: base + length, count: payload.count))
            }
            count = length + payload.count
        }
    }

    /// A close frame with a code and a reason of at most 123 bytes (§5.5.1).
    package static func closeFrame(_ code: CloseCode?, reason: String = "") -> FrameBuffer {
        var payload: [UInt8] = []
        if let code {
            payload.append(UInt8(code.rawValue >> 8))
            payload.append(UInt8(code.rawValue & 0xFF))
            precondition(reason.utf8.count <= 123, "a close reason has at most 123 bytes")
            payload.append(contentsOf: reason.utf8)
        }
        return payload.withUnsafeBytes { frame(.close, $0) }
    }

    /// Where a run of whole unmasked frames may be cut without breaking the stream when its first `sent` bytes are
    /// out: the end of the frame that is on its way, or `sent` itself between two frames. What is no frame (the
    /// answer to the handshake) is kept whole.
    package static func endOfFrame(holding sent: Int, in bytes: UnsafeRawBufferPointer) -> Int {
        var end = 0
        while end < sent {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[end...])
            guard case .header(let header) = FrameHeader.parse(rest, role: .client, isDeflateAgreed: true) else {
                return bytes.count
            }
            end += header.length + header.payloadLength
        }
        return min(end, bytes.count)
    }
}
