import TestSupport
import Testing

@testable import WireProtocol

/// The visible parts of a request, for comparison.
struct HTTPRequestDigest: Equatable, CustomStringConvertible {
    var method: HTTPMethod
    var target: String
    var path: [String]
    /// As "name|value".
    var query: [String]
    var minorVersion: Int
    var host: String?
    var keepsAlive: Bool
    var lines: [String]
    /// Of what the request keeps of its head.
    var headCount: Int
    var body: [UInt8]

    init(_ request: HTTPRequest) {
        method = request.method
        target = request.target
        path = request.path
        query = request.query.map { "\($0.name)|\($0.value)" }
        minorVersion = request.minorVersion
        host = request.host
        keepsAlive = request.keepsAlive
        lines = request.fields.lines.map { "\(request.fields.text($0.name)):\(request.fields.text($0.value))" }
        headCount = request.fields.bytes.count
        body = request.body
    }

    var description: String {
        "\(method.name) \(target) -> \(path) \(query) HTTP/1.\(minorVersion) host \(host ?? "none") \(lines)"
            + " head \(headCount) body \(body.count)"
    }
}

/// A result of parsing some bytes.
enum HTTPOutcome: Equatable {
    case request(HTTPRequestDigest)
    case failed(HTTPFailure)
    /// The end of the bytes.
    case incomplete(isMidRequest: Bool)
}

enum HTTPFeeding {
    /// How a driver uses the parser: each piece is offered until it is consumed. Every piece is an allocation of its
    /// own, so that a sanitizer sees a read beyond it.
    static func run(_ bytes: [UInt8], pieces: [Int], _ limits: HTTPLimits) -> [HTTPOutcome] {
        var parser = HTTPRequestParser(limits: limits)
        var outcomes: [HTTPOutcome] = []
        var start = 0
        for length in pieces {
            var piece = Array(bytes[start..<start + length])
            start += length
            while true {
                let (consumed, event) = piece.withUnsafeBytes { parser.consume($0) }
                #expect(consumed >= 0 && consumed <= piece.count)
                switch event {
                case .request(let request):
                    outcomes.append(.request(HTTPRequestDigest(request)))
                case .failed(let failure):
                    let again = [0x47].withUnsafeBytes { parser.consume($0) }
                    guard case .failed(failure) = again.event else {
                        Issue.record("a failed parser must stay failed")
                        return outcomes
                    }
                    return outcomes + [.failed(failure)]
                case .incomplete:
                    #expect(consumed == piece.count)
                case .skipped: Issue.record("nothing was to be skipped")
                case .head(let head, let expectsContinue):
                    #expect(parser.isReadingBody && head.hasBody && head.body.isEmpty)
                    #expect(!expectsContinue || consumed == piece.count, "only asked for when no body is there")
                }
                piece.removeFirst(consumed)
                if piece.isEmpty { break }
            }
        }
        return outcomes + [.incomplete(isMidRequest: parser.isMidRequest)]
    }

    /// The outcome of the whole at once; fed byte by byte and in seeded random pieces it must be the same.
    static func outcomes(
        _ bytes: [UInt8], _ limits: HTTPLimits = HTTPLimits(), seed: UInt64 = 0x5EED, splits: Int = 6,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> [HTTPOutcome] {
        let whole = run(bytes, pieces: [bytes.count], limits)
        let single = run(bytes, pieces: Array(repeating: 1, count: bytes.count), limits)
        #expect(single == whole, "byte by byte", sourceLocation: sourceLocation)
        var random = SplitMix64(seed: seed)
        for _ in 0..<splits {
            let pieces = HTTPFeeding.pieces(of: bytes.count, &random)
            let split = run(bytes, pieces: pieces, limits)
            #expect(split == whole, "seed \(seed), pieces \(pieces)", sourceLocation: sourceLocation)
        }
        return whole
    }

    /// Random lengths that add up to `count`; some are zero.
    static func pieces(of count: Int, _ random: inout SplitMix64) -> [Int] {
        let greatest = [2, 9, 64, 1500].randomElement(using: &random) ?? 2
        var pieces: [Int] = []
        var rest = count
        while rest > 0 {
            let piece = min(rest, Int.random(in: 0...greatest, using: &random))
            pieces.append(piece)
            rest -= piece
        }
        return pieces
    }

    /// The one request that the text is, or nil (recorded) when it is anything else.
    static func request(
        _ text: String, _ limits: HTTPLimits = HTTPLimits(), sourceLocation: SourceLocation = #_sourceLocation
    ) -> HTTPRequestDigest? {
        let outcomes = outcomes(Array(text.utf8), limits, sourceLocation: sourceLocation)
        guard outcomes.count == 2, case .request(let request) = outcomes[0],
            outcomes[1] == .incomplete(isMidRequest: false)
        else {
            Issue.record("not one request: \(outcomes)", sourceLocation: sourceLocation)
            return nil
        }
        return request
    }

    /// The failure that the text begins with, or nil (recorded) when it does not fail.
    static func failure(
        _ text: String, _ limits: HTTPLimits = HTTPLimits(), sourceLocation: SourceLocation = #_sourceLocation
    ) -> HTTPFailure? {
        failure(Array(text.utf8), limits, sourceLocation: sourceLocation)
    }

    static func failure(
        _ bytes: [UInt8], _ limits: HTTPLimits = HTTPLimits(), sourceLocation: SourceLocation = #_sourceLocation
    ) -> HTTPFailure? {
        let outcomes = outcomes(bytes, limits, sourceLocation: sourceLocation)
        guard outcomes.count == 1, case .failed(let failure) = outcomes[0] else {
            Issue.record("no failure: \(outcomes)", sourceLocation: sourceLocation)
            return nil
        }
        #expect(failure.closes)
        #expect(!failure.message.isEmpty)
        return failure
    }

    /// The request itself, for its accessors.
    static func parsed(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> HTTPRequest {
        var parser = HTTPRequestParser(limits: HTTPLimits())
        let bytes = Array(text.utf8)
        var (consumed, event) = bytes.withUnsafeBytes { parser.consume($0) }
        if case .head = event { (consumed, event) = bytes[consumed...].withUnsafeBytes { parser.consume($0) } }
        #expect(consumed > 0, sourceLocation: sourceLocation)
        guard case .request(let request) = event else { throw HTTPNoRequest(event: "\(event)") }
        return request
    }
}

struct HTTPNoRequest: Error {
    let event: String
}
