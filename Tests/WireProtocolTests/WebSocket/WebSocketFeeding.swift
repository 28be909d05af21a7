import TestSupport
import Testing

@testable import WireProtocol

/// The visible parts of an event, for comparison.
enum WebSocketOutcome: Equatable {
    case text([UInt8])
    case binary([UInt8])
    case compressedText([UInt8])
    case compressedBinary([UInt8])
    case ping([UInt8])
    case pong([UInt8])
    case close(UInt16?)
    case violation(UInt16)
    /// The end of the bytes.
    case incomplete(isMidMessage: Bool)

    /// A whole text message.
    static func text(_ text: String) -> WebSocketOutcome { .text(Array(text.utf8)) }
    /// All bytes were taken and belong to whole messages.
    static let end = WebSocketOutcome.incomplete(isMidMessage: false)
    /// All bytes were taken; a frame or a message is not complete.
    static let waiting = WebSocketOutcome.incomplete(isMidMessage: true)
}

/// A frame as the RFC draws it, valid or not, built with other means than the encoder's.
struct WebSocketFrame {
    var opcode: UInt8
    var payload: [UInt8] = []
    var isFinal = true
    /// RSV1–RSV3 as the bits 0x70 of the first byte.
    var reserved: UInt8 = 0
    /// The length as it is announced, when that is not the payload's.
    var announced: UInt64?
    /// How the length is written: 1, 2 or 8 bytes; nil is the fewest.
    var lengthBytes: Int?
    var mask: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]

    static func text(_ text: String, isFinal: Bool = true) -> WebSocketFrame {
        WebSocketFrame(opcode: 1, payload: Array(text.utf8), isFinal: isFinal)
    }

    static func continuation(_ payload: [UInt8], isFinal: Bool) -> WebSocketFrame {
        WebSocketFrame(opcode: 0, payload: payload, isFinal: isFinal)
    }

    static func continuation(_ text: String, isFinal: Bool) -> WebSocketFrame {
        continuation(Array(text.utf8), isFinal: isFinal)
    }

    static func close(_ code: UInt16, _ reason: [UInt8] = []) -> WebSocketFrame {
        WebSocketFrame(opcode: 8, payload: [UInt8(code >> 8), UInt8(code & 0xFF)] + reason)
    }

    /// The bytes that `role` receives: masked for a server. `isMasked` overrides that.
    func bytes(for role: WebSocketRole, isMasked: Bool? = nil) -> [UInt8] {
        let isMasked = isMasked ?? (role == .server)
        let length = announced ?? UInt64(payload.count)
        var bytes = [(isFinal ? 0x80 : 0) | reserved | opcode]
        let maskBit: UInt8 = isMasked ? 0x80 : 0
        switch lengthBytes ?? (length <= 125 ? 1 : length <= 65535 ? 2 : 8) {
        case 1: bytes.append(maskBit | UInt8(length))
        case 2:
            bytes.append(maskBit | 126)
            bytes += [UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF)]
        default:
            bytes.append(maskBit | 127)
            for shift in stride(from: UInt64(56), through: 0, by: -8) { bytes.append(UInt8(length >> shift & 0xFF)) }
        }
        guard isMasked else { return bytes + payload }
        bytes += mask
        for (index, byte) in payload.enumerated() { bytes.append(byte ^ mask[index % 4]) }
        return bytes
    }
}

enum WebSocketFeeding {
    static let roles = [WebSocketRole.server, .client]

    /// How a driver uses the decoder: each piece is offered until it is taken. Every piece is an allocation of its
    /// own, so that a sanitizer sees an access beyond it.
    static func run(
        _ bytes: [UInt8], pieces: [Int], _ role: WebSocketRole, _ limit: Int, isDeflateAgreed: Bool = false
    ) -> [WebSocketOutcome] {
        var decoder = WebSocketDecoder()
        var outcomes: [WebSocketOutcome] = []
        var start = 0
        for length in pieces {
            var piece = Array(bytes[start..<start + length])
            start += length
            var taken = 0
            while true {
                // A call that takes nothing and reports nothing new would be a hang.
                let before = taken
                let outcome = piece.withUnsafeMutableBytes { buffer -> WebSocketOutcome? in
                    let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[taken...])
                    let (consumed, event) = decoder.next(
                        rest, role: role, messageBytesMax: limit, isDeflateAgreed: isDeflateAgreed)
                    #expect(consumed >= 0 && consumed <= rest.count)
                    taken += consumed
                    return seen(event)
                }
                guard let outcome else {
                    #expect(taken == length, "incomplete means that all was taken")
                    break
                }
                outcomes.append(outcome)
                if case .violation = outcome { return outcomes }
                guard taken > before else {
                    Issue.record("an event without a byte")
                    return outcomes
                }
            }
        }
        return outcomes + [.incomplete(isMidMessage: decoder.isMidMessage)]
    }

    /// The event with its bytes copied out, or nil when it is `incomplete`.
    private static func seen(_ event: WebSocketEvent) -> WebSocketOutcome? {
        switch event {
        case .incomplete: return nil
        case .text(let bytes): return .text(Array(bytes))
        case .binary(let bytes): return .binary(Array(bytes))
        case .compressed(let opcode, let bytes):
            #expect(opcode.beginsMessage)
            return opcode == .text ? .compressedText(Array(bytes)) : .compressedBinary(Array(bytes))
        case .ping(let bytes): return .ping(Array(bytes))
        case .pong(let bytes): return .pong(Array(bytes))
        case .close(let code, _): return .close(code?.rawValue)
        case .violation(let code, let message):
            #expect(message.utf8CodeUnitCount > 0)
            return .violation(code.rawValue)
        }
    }

    /// The outcome of the whole at once; fed byte by byte and in seeded random pieces it must be the same.
    static func outcomes(
        _ bytes: [UInt8], _ role: WebSocketRole = .server, limit: Int = 1 << 20, seed: UInt64 = 0x5EED,
        splits: Int = 4, bytewise: Bool = true, isDeflateAgreed: Bool = false,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> [WebSocketOutcome] {
        func run(pieces: [Int]) -> [WebSocketOutcome] {
            Self.run(bytes, pieces: pieces, role, limit, isDeflateAgreed: isDeflateAgreed)
        }
        let whole = run(pieces: [bytes.count])
        if bytewise {
            let single = run(pieces: Array(repeating: 1, count: bytes.count))
            #expect(single == whole, "byte by byte", sourceLocation: sourceLocation)
        }
        var random = SplitMix64(seed: seed)
        for _ in 0..<splits {
            let pieces = HTTPFeeding.pieces(of: bytes.count, &random)
            let split = run(pieces: pieces)
            #expect(split == whole, "seed \(seed), pieces \(pieces)", sourceLocation: sourceLocation)
        }
        return whole
    }

    /// The outcome of some frames, masked as `role` receives them.
    static func outcomes(
        of frames: WebSocketFrame..., role: WebSocketRole = .server, limit: Int = 1 << 20,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> [WebSocketOutcome] {
        outcomes(frames.flatMap { $0.bytes(for: role) }, role, limit: limit, sourceLocation: sourceLocation)
    }
}
