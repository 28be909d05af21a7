/// An event of the decoder. Slices are valid until the next call.
package enum WebSocketEvent {
    /// All bytes are taken; more are needed.
    case incomplete
    /// A whole text message, valid UTF-8.
    case text(UnsafeRawBufferPointer)
    /// A whole binary message.
    case binary(UnsafeRawBufferPointer)
    /// A whole message that is still compressed (RFC 7692 §6): text, whose UTF-8 is not checked yet, or binary.
    case compressed(Opcode, UnsafeRawBufferPointer)
    case ping(UnsafeRawBufferPointer)
    case pong(UnsafeRawBufferPointer)
    /// The peer's close frame, checked: its code, nil when it had none, and its reason.
    case close(CloseCode?, reason: UnsafeRawBufferPointer)
    /// The peer broke the protocol: close with this code. Nothing that follows must be decoded.
    case violation(CloseCode, StaticString)
}

/// The rules that the decoder applies to frames.
struct DecodingRules {
    let role: WebSocketRole
    let messageBytesMax: Int
    let isDeflateAgreed: Bool

    /// The most payload bytes of a message, as they are on the wire.
    func payloadBytesMax(isCompressed: Bool) -> Int {
        isCompressed ? WebSocketDecoder.compressedBytesMax(messageBytesMax) : messageBytesMax
    }
}

/// Turns bytes into messages (RFC 6455 §5–8), strictly and incrementally; for both ends of a connection.
///
/// A message that arrives whole in one frame is unmasked in place and handed out without a copy. Only what is
/// incomplete is kept, in a `PartialMessage` that goes away with the message: an idle connection holds one pointer.
@usableFromInline package struct WebSocketDecoder {
    @usableFromInline var partial: PartialMessage?

    package init() {}

    /// Nothing is kept: neither a part of a message nor one that was handed out.
    @inlinable package var isAtRest: Bool { partial == nil }

    /// Whether a frame or a fragmented message has begun and is not complete.
    package var isMidMessage: Bool { partial.map { !$0.isDelivered } ?? false }

    /// Bytes of memory that a message takes that has not come whole.
    package var heldBytes: Int { partial?.heldBytes ?? 0 }

    /// Gives back the memory of a message that was handed out and is no longer needed, and notes since when an
    /// unfinished one has been coming (the caller's milliseconds).
    package mutating func settle(at now: Int) {
        guard let partial else { return }
        if partial.isDelivered {
            self.partial = nil
        } else if partial.begunAt == nil {
            partial.begunAt = now
        }
    }

    /// When the message began that is not finished yet, as `settle` has noted; nil when there is none.
    package var begunAt: Int? { partial?.begunAt }

    /// Takes bytes from the front of `bytes`, which it may change, up to and including the next event.
    /// - Parameters:
    ///   - role: which end this is.
    ///   - messageBytesMax: the largest message; a larger one is a 1009 as soon as a head announces it. A compressed
    ///     one may have `compressedBytesMax(_:)`; what it becomes is bounded by whoever inflates it.
    ///   - isDeflateAgreed: permessage-deflate was negotiated; without it RSV1 is a violation.
    /// - Returns: how many bytes were taken, and what they were.
    package mutating func next(
        _ bytes: UnsafeMutableRawBufferPointer, role: WebSocketRole, messageBytesMax: Int,
        isDeflateAgreed: Bool = false
    ) -> (consumed: Int, event: WebSocketEvent) {
        let rules = DecodingRules(role: role, messageBytesMax: messageBytesMax, isDeflateAgreed: isDeflateAgreed)
        if let partial {
            if partial.isDelivered {
                self.partial = nil
            } else {
                return partial.consume(bytes, rules)
            }
        }
        guard bytes.count > 0 else { return (0, .incomplete) }
        switch FrameHeader.parse(UnsafeRawBufferPointer(bytes), role: role, isDeflateAgreed: isDeflateAgreed) {
        case .violation(let message):
            return (0, .violation(.protocolError, message))
        case .header(let header) where header.isFinal && header.opcode != .continuation:
            let frameLength = header.length.addingReportingOverflow(header.payloadLength)
            guard !frameLength.overflow, frameLength.partialValue <= bytes.count else { break }
            let most = rules.payloadBytesMax(isCompressed: header.isCompressed)
            if !header.opcode.isControl && header.payloadLength > most { break }
            let payload = UnsafeMutableRawBufferPointer(
                rebasing: bytes[header.length..<frameLength.partialValue])
            if let mask = header.mask { Masking.apply(mask, to: payload) }
            let whole = UnsafeRawBufferPointer(payload)
            let event = header.isCompressed ? .compressed(header.opcode, whole) : Self.event(header.opcode, whole)
            return (frameLength.partialValue, event)
        default:
            break
        }
        let begun = PartialMessage()
        partial = begun
        return begun.consume(bytes, rules)
    }

    /// The most that a compressed message of `messageBytesMax` bytes takes: DEFLATE makes nine bits at worst of a byte
    /// (RFC 1951 §3.2.6), and compressors with small buffers add some bytes per block (zlib's `deflateBound`).
    package static func compressedBytesMax(_ messageBytesMax: Int) -> Int {
        messageBytesMax + messageBytesMax / 8 + messageBytesMax / 64 + 64
    }

    /// The event of a whole, unfragmented frame.
    private static func event(_ opcode: Opcode, _ payload: UnsafeRawBufferPointer) -> WebSocketEvent {
        switch opcode {
        case .text:
            UTF8Validator.isValid(payload)
                ? .text(payload) : .violation(.invalidPayload, "text must be valid UTF-8")
        case .binary: .binary(payload)
        case .ping: .ping(payload)
        case .pong: .pong(payload)
        case .close: closeEvent(payload)
        case .continuation: .violation(.protocolError, "a continuation without a message to continue")
        }
    }

    /// Checks a close frame's payload (RFC 6455 §5.5.1, §7.4).
    static func closeEvent(_ payload: UnsafeRawBufferPointer) -> WebSocketEvent {
        if payload.isEmpty { return .close(nil, reason: payload) }
        if payload.count == 1 { return .violation(.protocolError, "a close code has two bytes") }
        let code = CloseCode(rawValue: UInt16(bigEndian: payload.loadUnaligned(as: UInt16.self)))
        if !code.mayBeReceived { return .violation(.protocolError, "this close code must not be sent") }
        let reason = UnsafeRawBufferPointer(rebasing: payload[2...])
        if !UTF8Validator.isValid(reason) {
            return .violation(.invalidPayload, "a close reason must be valid UTF-8")
        }
        return .close(code, reason: reason)
    }
}
