import Core

// The frames that show the node's load, and that are sent instead of others under it.
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
        member("tier", tier)
        member("previous", previous)
        member("reason", reason)
        name("suspended")
        beginArray()
        for feature in suspended { string(feature) }
        endArray()
        member("messages_per_second", messagesPerSecond)
        member("message_bytes", messageBytesMax)
        endObject()
    }

    /// The node's mode has changed.
    package mutating func mode(_ mode: StaticString, previous: StaticString) {
        begin("mode")
        member("mode", mode)
        member("previous", previous)
        endObject()
    }

    /// How many users are in a room. It is sent instead of each change.
    package mutating func presenceCount(room: Identifier, users: Int) {
        begin("presence")
        member("room", room)
        member("users", users)
        endObject()
    }

    /// Read marks of several users.
    package mutating func read(room: Identifier, marks: some Sequence<(user: Identifier, seq: UInt64)>) {
        begin("read")
        member("room", room)
        name("marks")
        beginArray()
        for mark in marks {
            beginObject()
            member("user", mark.user)
            member("seq", mark.seq)
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
        member("code", code.name)
        member("message", message)
        if let id {
            fragment(#","id":"#)
            rawString(id)
        }
        if let room {
            member("room", room)
        }
        member("retry_ms", retryMilliseconds)
        endObject()
    }
}
