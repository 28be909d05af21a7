import Foundations

// The frames that tell of the node's load, and that are sent instead of others under it.
extension JSONWriter {
    /// The node gives up more, or less, from now on.
    /// - Parameters:
    ///   - reason: the signal that gave it.
    ///   - suspended: names of features, as the contract has them.
    package mutating func tier(
        _ tier: StaticString, previous: StaticString, reason: String, suspended: [StaticString],
        messagesPerSecond: Int, messageBytesMax: Int
    ) {
        begin("tier")
        name("tier")
        string(tier)
        name("previous")
        string(previous)
        name("reason")
        string(reason)
        name("suspended")
        beginArray()
        for feature in suspended { string(feature) }
        endArray()
        name("messages_per_second")
        number(messagesPerSecond)
        name("message_bytes")
        number(messageBytesMax)
        endObject()
    }

    /// How many users are in a room: instead of telling each change.
    package mutating func presenceCount(room: Identifier, users: Int) {
        begin("presence")
        name("room")
        string(room)
        name("users")
        number(users)
        endObject()
    }

    /// Read marks of several users.
    package mutating func read(room: Identifier, marks: some Sequence<(user: Identifier, seq: UInt64)>) {
        begin("read")
        name("room")
        string(room)
        name("marks")
        beginArray()
        for mark in marks {
            beginObject()
            name("user")
            string(mark.user)
            name("seq")
            number(mark.seq)
            endObject()
        }
        endArray()
        endObject()
    }

    /// An error that names a frame by its id as it was written; nothing is allocated for it, as there may be very many.
    /// - Parameter id: the inside of a JSON string, escaped.
    package mutating func refusal(
        _ code: ErrorCode, _ message: StaticString, id: UnsafeRawBufferPointer?, room: Identifier?,
        retryMilliseconds: Int
    ) {
        begin("error")
        name("code")
        string(code.name)
        name("message")
        string(message)
        if let id {
            fragment(#","id":"#)
            rawString(id)
        }
        if let room {
            name("room")
            string(room)
        }
        name("retry_ms")
        number(retryMilliseconds)
        endObject()
    }
}
