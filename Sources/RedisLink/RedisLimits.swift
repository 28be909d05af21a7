/// The hard bounds of what one connection to Redis holds.
package struct RedisLimits: Sendable {
    /// Commands without a reply. A worker sends a command per room and turn; ten thousand outstanding are a server that
    /// stands still.
    package var outstandingMax = 65_536
    /// Bytes of commands that wait for the kernel, a single larger command excepted when nothing else waits.
    package var queuedBytesMax = 32 * 1024 * 1024
    /// Bytes of one reply; a larger one drops the connection. A range of a room's history is read in parts.
    package var replyBytesMax = 64 * 1024 * 1024

    package init() {}
}
