/// Takes what is published on a channel, and learns whether anything can be missed. On the loop's thread.
package protocol RedisChannelReceiver: AnyObject {
    /// The payload is gone after the call.
    func published(_ payload: UnsafeRawBufferPointer, on channel: RedisChannel)
    /// Redis has confirmed the subscription: all that is published from now on comes. What came before may have been
    /// missed.
    func subscriptionLive(_ channel: RedisChannel)
    /// The subscription that was live is none now; it will be again by itself.
    func subscriptionInterrupted(_ channel: RedisChannel)
}

/// A channel that somebody subscribes to.
package final class RedisChannel {
    /// Its name; the memory is the channel's.
    package let name: UnsafeRawBufferPointer
    /// Whether Redis has confirmed the subscription.
    package internal(set) var isLive = false

    /// A subscription each.
    var receivers: ContiguousArray<any RedisChannelReceiver> = []
    /// Asked for behind all others on a new connection.
    var isLast = false
    /// Whether the last request on the present connection was to subscribe.
    var isAsked = false
    /// Requests without an answer on the present connection.
    var unanswered = 0
    /// Listed as one for which a request may be due.
    var isListed = false

    init(_ name: UnsafeRawBufferPointer) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: name.count, alignment: 1)
        copy.copyMemory(from: name)
        self.name = UnsafeRawBufferPointer(copy)
    }

    deinit { name.deallocate() }

    var isWanted: Bool { !receivers.isEmpty }

    /// Finds a channel by bytes wherever they lie; as a key it lives as long as the channel.
    struct Key: Hashable {
        let bytes: UnsafeRawBufferPointer

        static func == (one: Key, other: Key) -> Bool { one.bytes.elementsEqual(other.bytes) }
        func hash(into hasher: inout Hasher) { hasher.combine(bytes: bytes) }
    }
}
