/// The XOR mask of client frames (RFC 6455 §5.3).
package enum Masking {
    /// XORs `bytes` in place with `key` (as loaded from the wire, first byte lowest), eight bytes at a time.
    /// `offset` is the position of the first byte in its frame's payload; only its last two bits matter.
    package static func apply(_ key: UInt32, to bytes: UnsafeMutableRawBufferPointer, offset: Int = 0) {
        guard let base = bytes.baseAddress, key != 0 else { return }
        let count = bytes.count
        let shift = UInt32(truncatingIfNeeded: offset & 3) &* 8
        let rotated = shift == 0 ? key : (key >> shift) | (key << (32 &- shift))
        let wide = UInt64(rotated) | UInt64(rotated) << 32
        let wide4 = SIMD4<UInt64>(repeating: wide)
        var index = 0
        while index &+ 32 <= count {
            let word = base.loadUnaligned(fromByteOffset: index, as: SIMD4<UInt64>.self)
            base.storeBytes(of: word ^ wide4, toByteOffset: index, as: SIMD4<UInt64>.self)
            index &+= 32
        }
        while index &+ 8 <= count {
            let word = base.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            base.storeBytes(of: word ^ wide, toByteOffset: index, as: UInt64.self)
            index &+= 8
        }
        while index < count {
            let byte = base.load(fromByteOffset: index, as: UInt8.self)
            let keyByte = UInt8(truncatingIfNeeded: wide >> (UInt64(index & 7) &* 8))
            base.storeBytes(of: byte ^ keyByte, toByteOffset: index, as: UInt8.self)
            index &+= 1
        }
    }
}
