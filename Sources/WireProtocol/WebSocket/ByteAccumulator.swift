/// Bytes that arrive in pieces, in memory that stays put between appends, so that a slice may be handed out.
package struct ByteAccumulator: ~Copyable {
    private var storage: UnsafeMutableRawBufferPointer
    package private(set) var count = 0

    package init() { storage = UnsafeMutableRawBufferPointer(start: nil, count: 0) }

    deinit { storage.deallocate() }

    /// Bytes of memory that it has.
    package var capacity: Int { storage.count }

    /// The bytes so far; valid until the next change.
    package var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(storage)[0..<count])
    }

    /// The same bytes, to be changed in place.
    package var mutableBytes: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: storage[0..<count])
    }

    package mutating func append(_ piece: UnsafeRawBufferPointer) {
        guard piece.count > 0 else { return }
        reserve(count + piece.count)
        UnsafeMutableRawBufferPointer(rebasing: storage[count...]).copyMemory(from: piece)
        count += piece.count
    }

    /// Forgets the bytes and keeps the memory.
    package mutating func removeAll() { count = 0 }

    /// Forgets the first `length` bytes.
    package mutating func removeFirst(_ length: Int) {
        precondition(length <= count, "more bytes are removed than there are")
        if length < count, let base = storage.baseAddress {
            base.copyMemory(from: base + length, byteCount: count - length)
        }
        count -= length
    }

    /// Doubles, so that appending stays linear however small the pieces are.
    private mutating func reserve(_ wanted: Int) {
        guard wanted > storage.count else { return }
        let larger = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(wanted, storage.count * 2, 128), alignment: 16)
        larger.copyMemory(from: bytes)
        storage.deallocate()
        storage = larger
    }
}
