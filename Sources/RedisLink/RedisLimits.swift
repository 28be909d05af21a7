/// The hard bounds of what one connection to Redis holds.
package struct RedisLimits: Sendable {
    /// Commands without a reply. A worker sends a command per room and turn; ten thousand outstanding are a server that
    /// stands still.
    package var outstandingMax = 65_536
    /// Of these, operations of the lanes other than that of commits, which have half of it each. Redis runs one in 5 to
    /// 20 microseconds: a commit has at most 10 ms of them before it, and a round trip of 1 ms still lets half a
    /// million pass per second.
    package var backgroundMax = 512
    /// Bytes of operations of each of these lanes that have no reply, one of any size excepted.
    package var backgroundBytesMax = 256 * 1024
    /// Bytes of commands that wait for the kernel; the one that passes it is taken whole.
    package var queuedBytesMax = 32 * 1024 * 1024
    /// Bytes of one reply. Of a larger one the rest is read past, and an error stands in its place; a single value that
    /// is larger drops the connection. A range of a room's history is read in parts.
    package var replyBytesMax = 64 * 1024 * 1024

    package init() {}
}
