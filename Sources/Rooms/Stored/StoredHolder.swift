/// Whoever holds stored messages: a room's history, or an inbox.
package protocol StoredHolder: AnyObject {
    /// Bytes of memory that its messages take.
    var storedBytes: Int { get }
    /// Where its ledger has it; the ledger's own.
    var listing: StoredListing { get set }
    /// Lets go of its oldest messages, at least so many bytes if it may.
    /// - Returns: the bytes that became free.
    func give(_ bytes: Int) -> Int
}

/// A holder's place in its ledger.
package struct StoredListing {
    /// Its index in the list of its class. The larger one first, so that its holder has a place behind.
    var index: UInt32 = 0
    /// The class of its size; `none`: it is in no list.
    var sizeClass: Int8 = none

    static let none: Int8 = -1

    package init() {}

    var isListed: Bool { sizeClass != Self.none }
}
