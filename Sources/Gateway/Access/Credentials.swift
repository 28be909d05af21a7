import NetworkIO

/// The things by which a worker and its clients know each other, which are read again at SIGHUP. Each worker has them
/// for itself, and gets fresh ones by a `ControlOrder`: nobody waits for a lock to look at a token.
package struct Credentials: Sendable {
    /// Asks clients of `/ws` for tokens; nil: nobody does.
    var tokens: TokenGate?
    /// New connections speak TLS with it; nil: they are plain. Those that are there keep what they began with.
    var certificate: TLSServerContext?

    init(tokens: TokenGate? = nil, certificate: TLSServerContext? = nil) {
        self.tokens = tokens
        self.certificate = certificate
    }
}
