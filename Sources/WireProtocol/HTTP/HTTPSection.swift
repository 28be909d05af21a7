/// Reads a start line (or none), field lines and the empty line that ends them, as they come. A section that is whole
/// in the first piece is scanned in place and copied once; otherwise the pieces are gathered and scanned once.
struct HTTPSection: Sendable {
    enum Kind: Sendable {
        case request, response, trailers
    }

    enum Outcome {
        /// All of the input was taken and kept.
        case incomplete
        /// The section ended `consumed` bytes into the input; `fields` has it.
        case complete(consumed: Int)
        case failed(HTTPFailure)
    }

    private var bytes: [UInt8] = []
    private var scan: HTTPSectionScan

    init(_ kind: Kind) {
        scan = HTTPSectionScan(kind: kind)
    }

    /// Bytes of memory that it has for what came.
    var heldBytes: Int { bytes.capacity }

    /// True from the first byte on that belongs to a start line or field line: an empty line before a request line
    /// begins nothing.
    var isBegun: Bool {
        scan.hasLines || bytes.count > scan.lineStart
    }

    var requestLine: HTTPRequestLine? { scan.requestLine }
    var statusLine: HTTPStatusLine? { scan.statusLine }

    /// Hands the finished section over and begins anew.
    mutating func take() -> HTTPFields {
        let fields = HTTPFields(bytes: bytes, lines: scan.lines)
        self = HTTPSection(scan.kind)
        return fields
    }

    mutating func consume(_ input: UnsafeRawBufferPointer, limits: HTTPLimits) -> Outcome {
        if bytes.isEmpty {
            switch scan.run(input, limits) {
            case .incomplete:
                bytes.append(contentsOf: input)
                return .incomplete
            case .complete(let consumed):
                bytes = Array(UnsafeRawBufferPointer(rebasing: input[..<consumed]))
                return .complete(consumed: consumed)
            case .failed(let failure):
                return .failed(failure)
            }
        }
        // One byte above the limit is enough to see that it is passed. What belongs to the next message is taken back.
        let known = bytes.count
        bytes.append(contentsOf: input.prefix(max(0, limits.headBytesMax &+ 1 &- known)))
        // Moved out meanwhile, so that `scan` may change while the bytes are borrowed.
        var gathered: [UInt8] = []
        swap(&gathered, &bytes)
        let outcome = gathered.withUnsafeBytes { scan.run($0, limits) }
        swap(&gathered, &bytes)
        guard case .complete(let end) = outcome else { return outcome }
        bytes.removeLast(bytes.count &- end)
        return .complete(consumed: end &- known)
    }
}

/// The part of `HTTPSection` that looks at bytes and holds none.
struct HTTPSectionScan: Sendable {
    let kind: HTTPSection.Kind
    private(set) var lines: [HTTPField] = []
    private(set) var requestLine: HTTPRequestLine?
    private(set) var statusLine: HTTPStatusLine?
    private var scanner = HTTPLineScanner()
    private var skippedEmptyLine = false

    init(kind: HTTPSection.Kind) {
        self.kind = kind
    }

    var lineStart: Int { scanner.lineStart }
    var hasLines: Bool { requestLine != nil || statusLine != nil || !lines.isEmpty }

    /// Goes on where it stopped; `input` begins with the same bytes at each call. `consumed` counts from its begin.
    mutating func run(_ input: UnsafeRawBufferPointer, _ limits: HTTPLimits) -> HTTPSection.Outcome {
        while true {
            switch scanner.next(in: input, bytesMax: limits.headBytesMax) {
            case .incomplete:
                return .incomplete
            case .line(let start, let end):
                do throws(HTTPFailure) {
                    if try take(input, start, end, limits) { return .complete(consumed: scanner.lineStart) }
                } catch {
                    return .failed(error)
                }
            case .tooLong:
                return .failed(tooLong(input, limits))
            case .bareCarriageReturn:
                return .failed(.badRequest("a carriage return without a line feed: lines end with CRLF"))
            case .bareLineFeed:
                return .failed(.badRequest("a line feed without a carriage return: lines end with CRLF"))
            case .control:
                return .failed(.badRequest("a control character in the head: only tab is allowed, in header values"))
            }
        }
    }

    /// True when the line was the empty one that ends the section.
    private mutating func take(
        _ input: UnsafeRawBufferPointer, _ start: Int, _ end: Int, _ limits: HTTPLimits
    ) throws(HTTPFailure) -> Bool {
        if kind == .request && requestLine == nil {
            if start == end && !skippedEmptyLine {
                // RFC 9112 §2.2: some clients send an empty line after a body.
                skippedEmptyLine = true
                return false
            }
            requestLine = try HTTPRequestLine(input, start, end, limits)
            return false
        }
        if kind == .response && statusLine == nil {
            statusLine = try HTTPStatusLine(input, start, end)
            return false
        }
        if start == end { return true }
        guard lines.count < limits.headerCountMax else { throw .tooManyFields(limits) }
        if lines.isEmpty { lines.reserveCapacity(16) }
        lines.append(try HTTPSectionScan.field(input, start, end))
        return false
    }

    /// RFC 9112 §5: field-name ":" OWS field-value OWS.
    private static func field(
        _ input: UnsafeRawBufferPointer, _ start: Int, _ end: Int
    ) throws(HTTPFailure) -> HTTPField {
        guard !HTTPByte.isBlank(input[start]) else {
            throw .badRequest("a header line begins with a blank: folded lines are not allowed")
        }
        var colon = start
        while colon < end && HTTPByte.isToken(input[colon]) { colon &+= 1 }
        guard colon < end else { throw .badRequest("a header line without a colon") }
        guard input[colon] == UInt8(ascii: ":") else {
            throw HTTPByte.isBlank(input[colon])
                ? .badRequest("a blank before the colon of a header line")
                : .badRequest("a character in a header name that is not allowed there")
        }
        guard colon > start else { throw .badRequest("a header line without a name") }
        var valueStart = colon &+ 1
        var valueEnd = end
        while valueStart < valueEnd && HTTPByte.isBlank(input[valueStart]) { valueStart &+= 1 }
        while valueEnd > valueStart && HTTPByte.isBlank(input[valueEnd &- 1]) { valueEnd &-= 1 }
        return HTTPField(name: HTTPSlice(start, colon), value: HTTPSlice(valueStart, valueEnd))
    }

    /// A head that ends in the middle of its target is refused for the target.
    private func tooLong(_ input: UnsafeRawBufferPointer, _ limits: HTTPLimits) -> HTTPFailure {
        guard kind == .request, requestLine == nil else { return .headTooLarge(limits) }
        let line = input[lineStart..<limits.headBytesMax]
        guard let blank = line.firstIndex(of: HTTPByte.space) else { return .headTooLarge(limits) }
        let target = line[(blank &+ 1)...].prefix { $0 != HTTPByte.space }
        return target.count > limits.targetBytesMax ? .targetTooLong(limits) : .headTooLarge(limits)
    }
}
