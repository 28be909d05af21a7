import Core

/// A commit that a message id stands for.
package struct Committed: Sendable {
    package let position: Position
    /// Unix milliseconds.
    package let time: Int

    package init(position: Position, time: Int) {
        self.position = position
        self.time = time
    }
}
