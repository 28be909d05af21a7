/// Now, on two clocks. How long something took, or is kept, goes by the first one alone: the wall clock may be set.
package struct Moment: Sendable {
    /// Loop milliseconds: they only rise.
    package let now: Int
    /// Unix milliseconds, for people.
    package let unix: Int

    package init(now: Int, unix: Int) {
        self.now = now
        self.unix = unix
    }
}
