/// Finds the lines of a head one after another, in however many pieces it comes. A line ends with exactly CRLF
/// (RFC 9112 §2.2 would allow a lone LF; the contract refuses it, since proxies differ about it), and holds no control
/// character but tab (RFC 9110 §5.5). The same bytes give the same lines and the same failure however they are split.
struct HTTPLineScanner: Equatable, Sendable {
    enum Step: Equatable {
        case incomplete
        /// Without its CRLF.
        case line(start: Int, end: Int)
        case tooLong
        case bareCarriageReturn
        case bareLineFeed
        case control
    }

    /// Where the line that is not yet complete begins.
    private(set) var lineStart = 0
    /// Bytes before it need no second look.
    private var position = 0

    /// The next line of `bytes`, which begins with the same bytes at each call; lines may end within the first
    /// `bytesMax` of them.
    mutating func next(in bytes: UnsafeRawBufferPointer, bytesMax: Int) -> Step {
        let bound = min(bytes.count, bytesMax)
        position = HTTPByte.firstControl(in: bytes, from: position, to: bound)
        guard position < bound else { return bytes.count > bytesMax ? .tooLong : .incomplete }
        switch bytes[position] {
        case HTTPByte.cr:
            guard position &+ 1 < bound else { return bytes.count > bytesMax ? .tooLong : .incomplete }
            guard bytes[position &+ 1] == HTTPByte.lf else { return .bareCarriageReturn }
            let line = Step.line(start: lineStart, end: position)
            position &+= 2
            lineStart = position
            return line
        case HTTPByte.lf:
            return .bareLineFeed
        default:
            return .control
        }
    }
}
