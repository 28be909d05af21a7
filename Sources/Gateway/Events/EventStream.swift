/// An answer that goes on: what a connection has been told of the node's events.
final class EventStream {
    /// Streams of one node at a time; further ones get 503.
    static let countMax = 256
    /// A reader with more bytes before it is closed.
    static let queuedBytesMax = 256 * 1024
    /// A comment is sent so often, so that proxies let the stream live and a dead peer is noticed.
    static let keepAliveMilliseconds = 15_000
    /// How long a client should wait before it connects again.
    static let retryMilliseconds = 2_000

    /// The number of the last event.
    var last: Int

    init(last: Int) { self.last = last }
}
