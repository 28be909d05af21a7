import Core

/// A message that waits for its place in a log that nodes share.
package struct Submission: Sendable {
    /// Who must be notified of the place.
    package enum Author: Sendable {
        case connection(ConnectionInfo)
        /// A publishing request over HTTP, by the number that its node gave it.
        case request(UInt64)
        case link(LinkAuthor)
        case nobody
    }

    package let user: Identifier
    /// The id without escapes, the key of a repetition.
    package let id: [UInt8]
    /// The id as it stands in the frame, the inside of a JSON string.
    package let rawID: [UInt8]
    /// The frame from the id on: what is kept, and what every node makes its frame of.
    package let body: [UInt8]
    /// Unix milliseconds.
    package let time: Int
    package let author: Author
    /// It was delivered without a place, because the store was away.
    package internal(set) var isProvisional = false
    /// Once it has its place: whether the store keeps it.
    package internal(set) var isStored = true
    /// Its number among the messages that this node submitted to the log; nil before that.
    package internal(set) var number: UInt64?

    package init(user: Identifier, id: [UInt8], rawID: [UInt8], body: [UInt8], time: Int, author: Author) {
        self.user = user
        self.id = id
        self.rawID = rawID
        self.body = body
        self.time = time
        self.author = author
    }
}

/// A link of this node as an author: one for as long as the node holds it under one token. Any thread.
package final class LinkAuthor: Sendable {
    package let id: Identifier
    /// The fencing token.
    package let token: Int
    /// Whether the node may act for the link now.
    package let mayAct: @Sendable () -> Bool

    package init(id: Identifier, token: Int, mayAct: @escaping @Sendable () -> Bool) {
        (self.id, self.token, self.mayAct) = (id, token, mayAct)
    }
}
