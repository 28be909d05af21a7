/// The parts of a message that has not arrived whole: a split head, a frame whose payload is still coming, or the
/// fragments so far. Control frames between the fragments are handed out as they come (RFC 6455 §5.4).
///
/// Bounds: a head of 14 bytes, a control payload of 125, a message of `messageBytesMax`.
@usableFromInline final class PartialMessage {
    /// The bytes of a head that has not arrived whole.
    private var head: [UInt8] = []
    /// The frame whose payload is arriving.
    private var frame: FrameHeader?
    /// Payload bytes of `frame` that have arrived.
    private var frameReceived = 0
    /// The data of the message so far, unmasked.
    private var message = ByteAccumulator()
    /// The payload of a control frame that arrives in pieces.
    private var control = ByteAccumulator()
    /// Text or binary once the first frame of the message was seen.
    private var messageOpcode: Opcode?
    /// The message's first frame had RSV1.
    private var isCompressed = false
    private var utf8 = UTF8Validator()

    /// When it was first seen unfinished at the end of a read, in the owner's milliseconds.
    var begunAt: Int?
    /// The message was handed out; this object may go.
    private(set) var isDelivered = false

    /// Bytes of memory that it has for what came.
    var heldBytes: Int { head.capacity + message.capacity + control.capacity }

    func consume(
        _ bytes: UnsafeMutableRawBufferPointer, _ rules: DecodingRules
    ) -> (consumed: Int, event: WebSocketEvent) {
        var consumed = 0
        while true {
            if frame == nil {
                switch takeHead(bytes, at: &consumed, rules) {
                case .incomplete: return (consumed, .incomplete)
                case .violation(let message): return (consumed, .violation(.protocolError, message))
                case .header(let header):
                    if let violation = begin(header, rules) {
                        return (consumed, violation)
                    }
                }
            }
            guard let frame else { preconditionFailure("a frame was begun") }
            let wanted = frame.payloadLength - frameReceived
            let taken = min(wanted, bytes.count - consumed)
            if taken > 0 {
                let piece = UnsafeMutableRawBufferPointer(rebasing: bytes[consumed..<consumed + taken])
                if let mask = frame.mask { Masking.apply(mask, to: piece, offset: frameReceived) }
                consumed += taken
                frameReceived += taken
                if !keep(UnsafeRawBufferPointer(piece), of: frame) {
                    return (consumed, .violation(.invalidPayload, "text must be valid UTF-8"))
                }
            }
            guard frameReceived == frame.payloadLength else { return (consumed, .incomplete) }
            self.frame = nil
            if let event = end(frame) { return (consumed, event) }
            if consumed == bytes.count { return (consumed, .incomplete) }
        }
    }

    /// Reads a head that may begin in what was kept and end in `bytes`.
    private func takeHead(
        _ bytes: UnsafeMutableRawBufferPointer, at consumed: inout Int, _ rules: DecodingRules
    ) -> FrameHeader.Parse {
        let kept = head.count
        let rest = UnsafeRawBufferPointer(rebasing: bytes[consumed...])
        if kept == 0 {
            let parse = FrameHeader.parse(rest, role: rules.role, isDeflateAgreed: rules.isDeflateAgreed)
            switch parse {
            case .header(let header): consumed += header.length
            case .incomplete:
                head.append(contentsOf: rest)
                consumed = bytes.count
            case .violation: break
            }
            return parse
        }
        head.append(contentsOf: rest.prefix(FrameHeader.bytesMax - kept))
        let parse = head.withUnsafeBytes {
            FrameHeader.parse($0, role: rules.role, isDeflateAgreed: rules.isDeflateAgreed)
        }
        switch parse {
        case .header(let header):
            consumed += header.length - kept
            head.removeAll()
        case .incomplete: consumed = bytes.count
        case .violation: break
        }
        return parse
    }

    /// Checks a frame against the message that it belongs to; the event of a violation, or nil.
    private func begin(_ header: FrameHeader, _ rules: DecodingRules) -> WebSocketEvent? {
        switch header.opcode {
        case .text, .binary:
            if messageOpcode != nil {
                return .violation(.protocolError, "a new message inside a fragmented one")
            }
            messageOpcode = header.opcode
            isCompressed = header.isCompressed
        case .continuation:
            if messageOpcode == nil {
                return .violation(.protocolError, "a continuation without a message to continue")
            }
        case .close, .ping, .pong:
            control.removeAll()
        }
        if !header.opcode.isControl {
            if header.payloadLength > rules.payloadBytesMax(isCompressed: isCompressed) - message.count {
                return .violation(.messageTooBig, "the message is larger than this connection allows")
            }
        }
        frame = header
        frameReceived = 0
        return nil
    }

    /// Keeps a piece of payload; false when text can't be UTF-8 any more.
    private func keep(_ piece: UnsafeRawBufferPointer, of frame: FrameHeader) -> Bool {
        if frame.opcode.isControl {
            control.append(piece)
            return true
        }
        message.append(piece)
        return messageOpcode != .text || isCompressed || utf8.consume(piece)
    }

    /// The event that the end of a frame makes, or nil in the middle of a message.
    private func end(_ frame: FrameHeader) -> WebSocketEvent? {
        switch frame.opcode {
        case .ping, .pong, .close:
            let payload = control.bytes
            if messageOpcode == nil { isDelivered = true }
            switch frame.opcode {
            case .ping: return .ping(payload)
            case .pong: return .pong(payload)
            default: return WebSocketDecoder.closeEvent(payload)
            }
        case .text, .binary, .continuation:
            guard frame.isFinal else { return nil }
            isDelivered = true
            let payload = message.bytes
            if isCompressed, let messageOpcode { return .compressed(messageOpcode, payload) }
            if messageOpcode == .binary { return .binary(payload) }
            return utf8.isAtBoundary
                ? .text(payload) : .violation(.invalidPayload, "text must be valid UTF-8")
        }
    }
}
