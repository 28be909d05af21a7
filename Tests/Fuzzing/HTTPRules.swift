import WireProtocol

/// HTTP: requests with their bodies, one after the other on a connection, and the heads of answers.
enum HTTPRules {
    private struct Head: Equatable {
        let method: HTTPMethod
        let target: String
        let path: [String]
        let query: [String]
        let host: String?
        let minorVersion: Int
        let keepsAlive: Bool
        let hasBody: Bool

        init(_ request: HTTPRequest) {
            method = request.method
            target = request.target
            path = request.path
            query = request.query.flatMap { [$0.name, $0.value] }
            host = request.host
            minorVersion = request.minorVersion
            keepsAlive = request.keepsAlive
            hasBody = request.hasBody
        }
    }

    private enum Event: Equatable {
        case head(Head)
        case request(Head, body: [UInt8])
        case skipped
        case failed(HTTPFailure)
    }

    private struct Outcome: Equatable {
        var events: [Event] = []
        var isMidRequest = false
        var isReadingBody = false
    }

    private static let small = HTTPLimits(headBytesMax: 192, targetBytesMax: 48, bodyBytesMax: 64, headerCountMax: 6)

    static func check(_ input: UnsafeRawBufferPointer) throws {
        for limits in [HTTPLimits(), small] {
            for skipMax in [0, 32] {
                let outcomes = try Pieces.all(of: input).map { try requests($0, limits, skipMax: skipMax) }
                for other in outcomes.dropFirst() {
                    try holdEqual(outcomes[0], other, "requests depend on how their bytes are split")
                }
            }
        }
        let answers = try Pieces.all(of: input).map(answer)
        for other in answers.dropFirst() {
            try holdEqual(answers[0], other, "an answer depends on how its bytes are split")
        }
    }

    private static func requests(
        _ pieces: [UnsafeRawBufferPointer], _ limits: HTTPLimits, skipMax: Int
    ) throws -> Outcome {
        var parser = HTTPRequestParser(limits: limits)
        var outcome = Outcome()
        for piece in pieces {
            let goesOn = try Pieces.withCopy(of: piece) { copy in
                var rest = UnsafeRawBufferPointer(copy)
                while !rest.isEmpty {
                    let (consumed, event) = parser.consume(rest)
                    try hold((0...rest.count).contains(consumed), "consumed \(consumed) of \(rest.count) bytes")
                    rest = UnsafeRawBufferPointer(rebasing: rest[consumed...])
                    switch event {
                    case .incomplete: try hold(rest.isEmpty, "incomplete, and bytes are left")
                    case .head(let request, _):
                        outcome.events.append(.head(Head(request)))
                        if skipMax > 0 { _ = parser.skipBody(upTo: skipMax) }
                    case .request(let request):
                        try hold(consumed > 0, "a request of no bytes")
                        outcome.events.append(.request(Head(request), body: request.body))
                        try check(request, limits)
                    case .skipped: outcome.events.append(.skipped)
                    case .failed(let failure):
                        try hold((400...599).contains(failure.status), "a failure of status \(failure.status)")
                        outcome.events.append(.failed(failure))
                        return false
                    }
                }
                return true
            }
            guard goesOn else { break }
        }
        (outcome.isMidRequest, outcome.isReadingBody) = (parser.isMidRequest, parser.isReadingBody)
        return outcome
    }

    private static func check(_ request: HTTPRequest, _ limits: HTTPLimits) throws {
        try hold(request.body.count <= limits.bodyBytesMax, "a body of \(request.body.count) bytes")
        try hold(request.target.utf8.count <= limits.targetBytesMax, "a target of more bytes than are allowed")
        try hold(request.hasBody || request.body.isEmpty, "a body that no head announced")
        if case .success(let upgrade) = WebSocketHandshake.evaluate(request),
            let agreement = DeflateAgreement(offers: upgrade.extensions)
        {
            try hold(DeflateAgreement.windowBitsRange.contains(agreement.windowBits), "a window that was not offered")
            try hold(WebSocketExtension.list(agreement.response)?.count == 1, "a response that is no extension")
        }
        guard let host = request.host else { return }
        let again = HTTPClientRequest.bytes(
            request.method, host: host, target: request.target, body: request.body, closes: !request.keepsAlive)
        var parser = HTTPRequestParser(limits: HTTPLimits())
        var found: HTTPRequest?
        var rest = again[...]
        while !rest.isEmpty {
            let (consumed, event) = Array(rest).withUnsafeBytes { parser.consume($0) }
            rest = rest.dropFirst(consumed)
            if case .request(let request) = event { found = request }
            if case .failed(let failure) = event { try hold(false, "written anew it fails: \(failure.message)") }
        }
        try hold(found != nil, "written anew it is no whole request")
        guard let found else { return }
        try holdEqual([request.target, host], [found.target, found.host ?? ""], "the target, written anew")
        try holdEqual(request.path, found.path, "the path, written anew")
        try holdEqual(request.query.map(\.value), found.query.map(\.value), "the query, written anew")
        try holdEqual(request.body, found.body, "the body, written anew")
        try hold(request.method == found.method, "the method, written anew")
    }

    private struct Answer: Equatable {
        var status: Int?
        var length: Int?
        var failure: HTTPFailure?
        var hasEnded = false
    }

    private static func answer(_ pieces: [UnsafeRawBufferPointer]) throws -> Answer {
        var reader = HTTPAnswerReader()
        var answer = Answer()
        for piece in pieces where answer.failure == nil && !answer.hasEnded && !piece.isEmpty {
            Pieces.withCopy(of: piece) { copy in
                switch reader.consume(UnsafeRawBufferPointer(copy)) {
                case .incomplete: break
                case .head(let head, let isWhole):
                    (answer.status, answer.length, answer.hasEnded) = (head.status, head.bodyLength, isWhole)
                case .ended: answer.hasEnded = true
                case .failed(let failure): answer.failure = failure
                }
            }
        }
        try hold((100...999).contains(answer.status ?? 100), "a status of \(answer.status ?? 0)")
        try hold((answer.length ?? 0) >= 0, "a body of \(answer.length ?? 0) bytes")
        return answer
    }
}
