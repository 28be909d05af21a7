/// Random numbers for spreading things in time: xorshift64* (Vigna, "An experimental exploration of Marsaglia's
/// xorshift generators, scrambled", 2016). A few instructions where the system's generator is a system call. Nothing
/// that somebody must not guess may come from it.
package struct FastRandom: RandomNumberGenerator {
    private var state: UInt64

    /// - Parameter seed: anything; 0 is replaced, because it would stay 0.
    package init(seed: UInt64) { state = seed == 0 ? 0x9E37_79B9_7F4A_7C15 : seed }

    package mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
