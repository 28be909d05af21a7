import NetworkIO
import WireProtocol

/// WebSocket: frames, messages that come in fragments, and compressed ones.
enum FrameRules {
    private enum Event: Equatable {
        case text([UInt8])
        case binary([UInt8])
        case compressed(UInt8, [UInt8])
        case ping([UInt8])
        case pong([UInt8])
        case close(UInt16?, [UInt8])
        case violation(UInt16, String)
    }

    private struct Rules {
        let role: WebSocketRole
        let messageBytesMax: Int
        let isDeflateAgreed: Bool
    }

    static func check(_ input: UnsafeRawBufferPointer) throws {
        for role in [WebSocketRole.server, .client] {
            for (messageBytesMax, isDeflateAgreed) in [(65_536, false), (40, true), (65_536, true)] {
                let rules = Rules(role: role, messageBytesMax: messageBytesMax, isDeflateAgreed: isDeflateAgreed)
                let all = try Pieces.all(of: input).map { try events($0, rules) }
                for other in all.dropFirst() {
                    try holdEqual(all[0], other, "frames depend on how their bytes are split")
                }
                for event in all[0] { try check(event, rules) }
            }
        }
    }

    private static func events(_ pieces: [UnsafeRawBufferPointer], _ rules: Rules) throws -> [Event] {
        var decoder = WebSocketDecoder()
        var events: [Event] = []
        for (index, piece) in pieces.enumerated() {
            let goesOn = try Pieces.withCopy(of: piece) { copy in
                var rest = copy
                while !rest.isEmpty {
                    let (consumed, event) = decoder.next(
                        rest, role: rules.role, messageBytesMax: rules.messageBytesMax,
                        isDeflateAgreed: rules.isDeflateAgreed)
                    try hold((0...rest.count).contains(consumed), "consumed \(consumed) of \(rest.count) bytes")
                    rest = UnsafeMutableRawBufferPointer(rebasing: rest[consumed...])
                    guard let kept = kept(event) else {
                        try hold(rest.isEmpty, "incomplete, and bytes are left")
                        continue
                    }
                    events.append(kept)
                    if case .violation = kept { return false }
                    try hold(consumed > 0, "an event of no bytes")
                }
                return true
            }
            guard goesOn else { break }
            decoder.settle(at: index)
        }
        return events
    }

    private static func kept(_ event: WebSocketEvent) -> Event? {
        switch event {
        case .incomplete: nil
        case .text(let payload): .text(Array(payload))
        case .binary(let payload): .binary(Array(payload))
        case .compressed(let opcode, let payload): .compressed(opcode.rawValue, Array(payload))
        case .ping(let payload): .ping(Array(payload))
        case .pong(let payload): .pong(Array(payload))
        case .close(let code, let reason): .close(code?.rawValue, Array(reason))
        case .violation(let code, let message): .violation(code.rawValue, "\(message)")
        }
    }

    private static func check(_ event: Event, _ rules: Rules) throws {
        switch event {
        case .text(let payload):
            try hold(payload.count <= rules.messageBytesMax, "a message of \(payload.count) bytes")
            try hold(String(validating: payload, as: UTF8.self) != nil, "text that is not UTF-8")
            try checkRoundTrip(.text, payload, event, rules)
        case .binary(let payload):
            try hold(payload.count <= rules.messageBytesMax, "a message of \(payload.count) bytes")
            try checkRoundTrip(.binary, payload, event, rules)
        case .ping(let payload), .pong(let payload):
            try hold(payload.count <= 125, "a control frame of \(payload.count) bytes")
        case .close(let code, let reason):
            try hold(reason.count <= 123 && (code != nil || reason.isEmpty), "a close reason of \(reason.count) bytes")
        case .violation(let code, _):
            try hold([1002, 1007, 1009].contains(code), "a violation with code \(code)")
        case .compressed(_, let payload):
            let most = WebSocketDecoder.compressedBytesMax(rules.messageBytesMax)
            try hold(payload.count <= most, "a compressed message of \(payload.count) bytes")
            try inflate(payload, rules)
        }
    }

    /// A message comes out again when it is written as one frame.
    private static func checkRoundTrip(_ opcode: Opcode, _ payload: [UInt8], _ event: Event, _ rules: Rules) throws {
        let bytes = payload.withUnsafeBytes { payload -> [UInt8] in
            switch rules.role {
            case .server: FrameEncoder.maskedFrame(opcode, payload, mask: 0xA5C3_0F01)
            case .client:
                { Array(UnsafeRawBufferPointer(start: $0.base, count: $0.count)) }(FrameEncoder.frame(opcode, payload))
            }
        }
        let again = try bytes.withUnsafeBytes { try events([$0], rules) }
        try holdEqual([event], again, "a message, written anew")
    }

    private static func inflate(_ payload: [UInt8], _ rules: Rules) throws {
        let inflater = Inflater()
        let most = rules.messageBytesMax
        let first = Pieces.withCopy(of: payload) { inflater.inflate(UnsafeRawBufferPointer($0), byteCountMax: most) }
        guard case .whole(let bytes) = first else { return }
        try hold(bytes.count <= most, "inflated to \(bytes.count) bytes")
        let message = Array(bytes)
        let deflater = Deflater(windowBits: DeflateAgreement.windowBitsRange.upperBound)
        var target = [UInt8](repeating: 0, count: WebSocketDecoder.compressedBytesMax(message.count))
        let length = message.withUnsafeBytes { message in
            target.withUnsafeMutableBytes { deflater.deflate(message, into: $0) }
        }
        try hold(length != nil, "a message that is larger, compressed, than the decoder takes")
        guard let length else { return }
        let again = target.withUnsafeBytes {
            inflater.inflate(UnsafeRawBufferPointer(rebasing: $0[..<length]), byteCountMax: most)
        }
        guard case .whole(let bytes) = again else {
            return try hold(false, "what was compressed anew can't be inflated")
        }
        try holdEqual(Array(bytes), message, "a message, compressed anew")
    }
}

extension Pieces {
    static func withCopy<Result>(
        of bytes: [UInt8], _ body: (UnsafeMutableRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        try bytes.withUnsafeBytes { try withCopy(of: $0, body) }
    }
}
