/// Equality and order of byte strings, eight bytes at a time and without C.
package enum ByteOrder {
    /// Whether both hold the same bytes.
    package static func areEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count else { return false }
        var offset = 0
        while offset + 8 <= left.count {
            if left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                != right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            {
                return false
            }
            offset += 8
        }
        while offset < left.count {
            if left[offset] != right[offset] {
                return false
            }
            offset += 1
        }
        return true
    }

    /// Whether `left` comes before `right` in the order of unsigned bytes, a prefix before what it begins. For UTF-8
    /// this is the order of code points.
    package static func precedes(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        let shared = min(left.count, right.count)
        var offset = 0
        while offset + 8 <= shared {
            let leftWord = left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let rightWord = right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            if leftWord != rightWord {
                // The first byte weighs most.
                return UInt64(bigEndian: leftWord) < UInt64(bigEndian: rightWord)
            }
            offset += 8
        }
        while offset < shared {
            if left[offset] != right[offset] {
                return left[offset] < right[offset]
            }
            offset += 1
        }
        return left.count < right.count
    }
}
