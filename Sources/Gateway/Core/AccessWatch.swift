/// Sees to it that nobody uses a property while somebody else is changing it: in debug builds, where such a use traps;
/// in release builds it is nothing. For properties that go without Swift's own checks and whose users are too many to
/// be looked through one by one (docs/decisions/0006-exclusivity-checks.md).
///
/// A value beside the property. Thread: the property's.
struct AccessWatch {
    #if DEBUG
        private var isBusy = false
    #endif

    /// A change begins.
    @inline(__always)
    mutating func begins() {
        assertIsFree()
        #if DEBUG
            isBusy = true
        #endif
    }

    /// The change is over.
    @inline(__always)
    mutating func ends() {
        #if DEBUG
            isBusy = false
        #endif
    }

    /// Nobody is changing the property.
    @inline(__always)
    func assertIsFree() {
        #if DEBUG
            precondition(!isBusy, "a property is used while it is being changed")
        #endif
    }
}
