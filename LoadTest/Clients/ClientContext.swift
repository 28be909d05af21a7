import NetworkIO

/// Shared by all connections of a loading process.
///
/// Thread: the loop's.
final class ClientContext {
    let loop: EventLoop
    let template: MessageTemplate
    var meter = LoadMeter()
    var epochs = EpochNames()
    var missing = MissingSeqs()
    /// Must live as long as the connections.
    unowned(unsafe) var delegate: (any LoadClientDelegate)?

    init(loop: EventLoop, template: MessageTemplate) {
        self.loop = loop
        self.template = template
    }
}

/// Hears what happens on the connections of a loading process. Called on the loop's thread.
protocol LoadClientDelegate: AnyObject {
    /// The handshake is through.
    func opened(_ client: LoadClient)
    /// The connection is in its room, and has what it missed.
    func cameIn(_ client: LoadClient)
    /// A message of the connection's was acked or refused.
    func answered(_ client: LoadClient)
    /// The connection is over, or never came about.
    func closed(_ client: LoadClient, _ end: WebSocketClientEnd, wasOpened: Bool, wasIn: Bool)
}
