/// Stands in every message of a load test: who sent it, as which of theirs, and when it was due.
///
/// 32 digits from a to p, four bits each: they need no escape in JSON and are read eight at a time.
struct MessageStamp: Equatable {
    static let byteCount = 32

    /// The number of the sending connection.
    let sender: UInt32
    /// From 1 up, per sender.
    let counter: UInt32
    /// The intended send time in nanoseconds of CLOCK_MONOTONIC.
    let intendedAt: UInt64

    @inline(__always)
    init(sender: UInt32, counter: UInt32, intendedAt: UInt64) {
        self.sender = sender
        self.counter = counter
        self.intendedAt = intendedAt
    }

    /// Reads the stamp at `bytes`, where `byteCount` bytes are; nil when they are no stamp.
    @inline(__always)
    init?(at bytes: UnsafeRawPointer) {
        var odd: UInt64 = 0
        let sender = Self.read(bytes, &odd)
        let counter = Self.read(bytes + 8, &odd)
        let high = Self.read(bytes + 16, &odd)
        let low = Self.read(bytes + 24, &odd)
        guard odd == 0 else { return nil }
        self.init(sender: sender, counter: counter, intendedAt: UInt64(high) << 32 | UInt64(low))
    }

    @inline(__always)
    func write(to bytes: UnsafeMutableRawPointer) {
        Self.write(sender, to: bytes)
        Self.write(counter, to: bytes + 8)
        Self.write(UInt32(truncatingIfNeeded: intendedAt >> 32), to: bytes + 16)
        Self.write(UInt32(truncatingIfNeeded: intendedAt), to: bytes + 24)
    }

    private static let zeros: UInt64 = 0x6161_6161_6161_6161

    /// Spreads 32 bits over the low halves of eight bytes.
    @inline(__always)
    private static func write(_ value: UInt32, to bytes: UnsafeMutableRawPointer) {
        var wide = UInt64(value)
        wide = (wide | wide &<< 16) & 0x0000_FFFF_0000_FFFF
        wide = (wide | wide &<< 8) & 0x00FF_00FF_00FF_00FF
        wide = (wide | wide &<< 4) & 0x0F0F_0F0F_0F0F_0F0F
        bytes.storeBytes(of: wide &+ zeros, as: UInt64.self)
    }

    /// Gathers them again; sets bits in `odd` when a byte is no digit of ours.
    @inline(__always)
    private static func read(_ bytes: UnsafeRawPointer, _ odd: inout UInt64) -> UInt32 {
        var wide = bytes.loadUnaligned(as: UInt64.self) &- zeros
        odd |= wide & 0xF0F0_F0F0_F0F0_F0F0
        wide = (wide | wide &>> 4) & 0x00FF_00FF_00FF_00FF
        wide = (wide | wide &>> 8) & 0x0000_FFFF_0000_FFFF
        return UInt32(truncatingIfNeeded: wide | wide &>> 16)
    }
}
