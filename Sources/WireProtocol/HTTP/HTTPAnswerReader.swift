/// Reads the answer to a request of which only the head matters: bytes in, event out. The body is passed over.
package struct HTTPAnswerReader: Sendable {
    package enum Event: Sendable {
        case incomplete
        /// The head is here. `isWhole`: and all of the body; else that goes on, as far as can be said up to the end of
        /// the connection.
        case head(HTTPResponseHead, isWhole: Bool)
        /// The body has ended. Its head came before, as `head`.
        case ended
        /// The server does not speak HTTP/1 as it should.
        case failed(HTTPFailure)
    }

    private var head = HTTPResponseHeadParser()
    /// Bytes of the body that are missing; nil before the head, and where only the connection's end ends the body.
    private var bodyLeft: Int?
    private var hasHead = false

    package init() {}

    /// Takes all of `bytes`.
    package mutating func consume(_ bytes: UnsafeRawBufferPointer) -> Event {
        guard !hasHead else { return passOver(bytes.count) ? .ended : .incomplete }
        let (consumed, event) = head.consume(bytes)
        switch event {
        case .incomplete: return .incomplete
        case .failed(let failure): return .failed(failure)
        case .head(let answer):
            hasHead = true
            bodyLeft = answer.bodyLength
            return .head(answer, isWhole: passOver(bytes.count - consumed))
        }
    }

    /// True when the body has ended.
    private mutating func passOver(_ count: Int) -> Bool {
        guard let left = bodyLeft else { return false }
        bodyLeft = max(0, left - count)
        return bodyLeft == 0
    }
}
