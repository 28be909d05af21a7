/// Counts the bytes that histories hold in memory. Each history adds what it takes and takes off what it lets go, the
/// last of it when it ends itself: nobody else needs to think of it.
///
/// Thread: the one that owns the histories.
package final class StoredMeter {
    @exclusivity(unchecked) package private(set) var bytes = 0

    package init() {}

    @inline(__always)
    func add(_ bytes: Int) { self.bytes &+= bytes }
}
