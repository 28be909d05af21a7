/// The holders of one worker by their size, so that the biggest one is found in a step: who holds most gives first.
///
/// Sizes are known by classes that differ by a half, so a message moves its holder to another list only now and then;
/// within a class the one that came last gives. It does not own its holders: one that ends takes itself out.
///
/// Pure. Thread: the one that owns the holders.
package final class StoredLedger {
    /// Two classes for each doubling of the size, up to 2^62.
    private static let classCount = 126
    /// The parts of what it has that one gives at a time at least, as moves cost, and at most, as others are next then.
    private static let (leastPart, mostPart) = (8, 4)

    private struct Reference {
        unowned(unsafe) let holder: any StoredHolder
    }

    package let meter = StoredMeter()
    private var classes: [ContiguousArray<Reference>] = Array(repeating: [], count: classCount)
    /// No class above it has a holder.
    private var top = 0
    package private(set) var count = 0

    package init() {}

    /// The class of a size: the higher, the bigger.
    package static func sizeClass(of bytes: Int) -> Int {
        guard bytes > 1 else { return 0 }
        let doublings = Int.bitWidth - 1 - bytes.leadingZeroBitCount
        return doublings * 2 + (bytes >> (doublings - 1)) & 1
    }

    /// The class of the biggest holder that may give; -1 when there is none.
    package var biggest: Int {
        while top > 0, classes[top].isEmpty { top -= 1 }
        return classes[top].isEmpty ? -1 : top
    }

    /// A holder's size has changed, or it may give again. One that holds nothing is not listed.
    package func settle(_ holder: some StoredHolder) {
        let bytes = holder.storedBytes
        let sizeClass = bytes > 0 ? Int8(Self.sizeClass(of: bytes)) : StoredListing.none
        if holder.listing.sizeClass != sizeClass { move(holder, to: sizeClass) }
    }

    /// A holder ends, or may give nothing any more.
    package func remove(_ holder: some StoredHolder) {
        if holder.listing.isListed { move(holder, to: StoredListing.none) }
    }

    private func move(_ holder: any StoredHolder, to sizeClass: Int8) {
        let listing = holder.listing
        if listing.isListed {
            let former = Int(listing.sizeClass)
            let last = classes[former].removeLast()
            count -= 1
            if Int(listing.index) < classes[former].count {
                classes[former][Int(listing.index)] = last
                last.holder.listing.index = listing.index
            }
        }
        holder.listing.sizeClass = sizeClass
        guard sizeClass != StoredListing.none else { return }
        let list = Int(sizeClass)
        holder.listing.index = UInt32(classes[list].count)
        classes[list].append(Reference(holder: holder))
        count += 1
        top = max(top, list)
    }

    /// Has the biggest holders let go of their oldest messages, until so many bytes are free, none is left that may
    /// give, or the biggest is smaller than `least`.
    /// - Returns: the bytes that became free.
    @discardableResult
    package func give(_ bytes: Int, downTo least: Int = 0) -> Int {
        var freed = 0
        while freed < bytes, biggest >= least, let holder = classes[top].last?.holder {
            let (least, most) = (holder.storedBytes / Self.leastPart, holder.storedBytes / Self.mostPart)
            let given = holder.give(max(min(bytes - freed, most), least, 1))
            freed += given
            if given > 0 { settle(holder) } else { remove(holder) }
        }
        return freed
    }
}
