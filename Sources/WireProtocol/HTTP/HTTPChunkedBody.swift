/// Decodes a chunked body (RFC 9112 §7.1) as it comes. Extensions and trailers are bounded, checked and dropped.
struct HTTPChunkedBody: Sendable {
    enum Outcome {
        case incomplete
        case complete
        case failed(HTTPFailure)
    }

    private enum Phase: Sendable {
        case size(digits: Int)
        case chunkExtension
        case sizeLineFeed
        case data
        case dataCarriageReturn
        case dataLineFeed
        case trailers
    }

    /// More zeros before a size than this serve nobody.
    private static let sizeDigitsMax = 16

    private var phase = Phase.size(digits: 0)
    /// Of the size being read, then what is still to come of the chunk.
    private var remaining = 0
    private var isLast = false
    private var extensionBytes = 0
    private var trailers = HTTPSection(.trailers)

    /// Takes from `input` from `position` on, which it moves, and appends to `body`. Takes all unless the body ended.
    mutating func consume(
        _ input: UnsafeRawBufferPointer, _ position: inout Int, into body: inout [UInt8], limits: HTTPLimits
    ) -> Outcome {
        while position < input.count {
            do throws(HTTPFailure) {
                switch phase {
                case .data:
                    let count = min(remaining, input.count &- position)
                    body.append(contentsOf: input[position..<position &+ count])
                    position &+= count
                    remaining &-= count
                    if remaining == 0 { phase = .dataCarriageReturn }
                case .trailers:
                    let rest = UnsafeRawBufferPointer(rebasing: input[position...])
                    switch trailers.consume(rest, limits: limits) {
                    case .incomplete:
                        position = input.count
                        return .incomplete
                    case .complete(let consumed):
                        position &+= consumed
                        return .complete
                    case .failed(let failure):
                        throw failure
                    }
                default:
                    try take(input[position], bodyCount: body.count, limits)
                    position &+= 1
                }
            } catch {
                return .failed(error)
            }
        }
        return .incomplete
    }

    /// One byte of the framing.
    private mutating func take(_ byte: UInt8, bodyCount: Int, _ limits: HTTPLimits) throws(HTTPFailure) {
        switch phase {
        case .size(let digits):
            try takeSize(byte, digits, bodyCount, limits)
        case .chunkExtension:
            if byte == HTTPByte.cr {
                phase = .sizeLineFeed
                return
            }
            guard byte >= 0x20 && byte != 0x7F || byte == HTTPByte.tab else {
                throw .badRequest("a control character in a chunk extension: lines end with CRLF")
            }
            extensionBytes &+= 1
            guard extensionBytes <= limits.headBytesMax else {
                throw .badRequest("chunk extensions are too long: at most \(limits.headBytesMax) bytes are allowed")
            }
        case .sizeLineFeed:
            guard byte == HTTPByte.lf else { throw .badRequest("a chunk size must end with CRLF") }
            phase = isLast ? .trailers : .data
        case .dataCarriageReturn:
            guard byte == HTTPByte.cr else { throw .badRequest("a chunk is longer than its size says") }
            phase = .dataLineFeed
        case .dataLineFeed:
            guard byte == HTTPByte.lf else { throw .badRequest("a chunk must end with CRLF") }
            phase = .size(digits: 0)
        case .data, .trailers:
            break
        }
    }

    private mutating func takeSize(
        _ byte: UInt8, _ digits: Int, _ bodyCount: Int, _ limits: HTTPLimits
    ) throws(HTTPFailure) {
        if let value = HTTPByte.hexValue(byte) {
            guard digits < HTTPChunkedBody.sizeDigitsMax else {
                throw .badRequest("a chunk size has at most \(HTTPChunkedBody.sizeDigitsMax) digits")
            }
            // No overflow: `remaining` passed the check below, and the limit is at most 2^40.
            remaining = remaining &<< 4 | Int(value)
            guard remaining <= limits.bodyBytesMax &- bodyCount else { throw .bodyTooLarge(limits) }
            phase = .size(digits: digits &+ 1)
            return
        }
        guard digits > 0 else { throw .badRequest("a malformed chunk size: hexadecimal digits are expected") }
        isLast = remaining == 0
        switch byte {
        case HTTPByte.cr: phase = .sizeLineFeed
        case UInt8(ascii: ";"): phase = .chunkExtension
        default: throw .badRequest("a malformed chunk size: hexadecimal digits, then CRLF, are expected")
        }
    }
}
