/// Bounds of the memory that a peer may make an HTTP parser hold. In bytes, but for `headerCountMax`.
package struct HTTPLimits: Equatable, Sendable {
    /// A whole head: start line, field lines and the empty line after them. Also bounds a trailer section and, over one
    /// body, the chunk extensions. Beyond: 431 (extensions: 400).
    package let headBytesMax: Int
    /// The request target as sent. Beyond: 414.
    package let targetBytesMax: Int
    /// A request body after chunk decoding. Beyond: 413, for a `Content-Length` before any of the body is read.
    package let bodyBytesMax: Int
    /// Field lines in one head or trailer section. Beyond: 431.
    package let headerCountMax: Int

    /// The defaults of head, target and body are the contract's ("Strictness"). 100 field lines are more than browsers
    /// and proxies send (about 25), and keep the per-request bookkeeping below 2 KiB.
    package init(
        headBytesMax: Int = 16_384,
        targetBytesMax: Int = 8_192,
        bodyBytesMax: Int = 1_048_576,
        headerCountMax: Int = 100
    ) {
        precondition((1...1 << 30).contains(headBytesMax), "positions in a head are kept in 32 bits")
        precondition(targetBytesMax > 0 && headerCountMax > 0)
        precondition((0...1 << 40).contains(bodyBytesMax))
        self.headBytesMax = headBytesMax
        self.targetBytesMax = targetBytesMax
        self.bodyBytesMax = bodyBytesMax
        self.headerCountMax = headerCountMax
    }
}
