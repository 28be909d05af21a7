/// One input as a network may bring it.
enum Pieces {
    /// Whole, byte by byte, and cut at places that the input itself decides, so that a run can be repeated.
    static func all(of input: UnsafeRawBufferPointer) -> [[UnsafeRawBufferPointer]] {
        guard !input.isEmpty else { return [[input]] }
        let first = Int(hash(input) % UInt64(input.count))
        let second = Int((hash(input) >> 32) % UInt64(input.count))
        let cuts = [0, min(first, second), max(first, second), input.count]
        return [
            [input],
            input.indices.map { UnsafeRawBufferPointer(rebasing: input[$0...$0]) },
            [
                UnsafeRawBufferPointer(rebasing: input[..<first]), UnsafeRawBufferPointer(rebasing: input[first...]),
            ],
            (0..<3).map { UnsafeRawBufferPointer(rebasing: input[cuts[$0]..<cuts[$0 + 1]]) },
        ]
    }

    /// Lends a copy in memory of just its size, so that the address sanitizer sees a read beyond its end.
    static func withCopy<Result>(
        of bytes: UnsafeRawBufferPointer, _ body: (UnsafeMutableRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { copy.deallocate() }
        copy.copyMemory(from: bytes)
        return try body(copy)
    }

    /// FNV-1a (RFC 9923).
    private static func hash(_ input: UnsafeRawBufferPointer) -> UInt64 {
        input.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
