/// A place in one history: what a client names to receive what follows.
package struct Position: Hashable, Sendable {
    /// The history's name, opaque to clients.
    package let epoch: String
    /// Rises by one with each entry.
    package let seq: UInt64

    package init(epoch: String, seq: UInt64) {
        self.epoch = epoch
        self.seq = seq
    }
}
