import NetworkIO

/// A connection for subscriptions: what is published comes between the replies.
///
/// Thread: the loop's.
package final class RedisSubscriber: RedisConnection {
    /// Takes a publication: channel and payload are gone after the call.
    private let published: (_ channel: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) -> Void

    package init(
        to address: SocketAddress, options: RedisOptions, loop: EventLoop, delegate: any RedisConnectionDelegate,
        published: @escaping (_ channel: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) -> Void
    ) throws(SystemError) {
        self.published = published
        try super.init(to: address, options: options, loop: loop, delegate: delegate)
    }

    override func takePush(_ reply: RedisReply) -> Bool {
        guard reply.count == 3, let kind = reply.element(0), kind.says("message"),
            let channel = reply.element(1), let payload = reply.element(2)
        else { return false }
        published(channel.bytes, payload.bytes)
        return true
    }
}
