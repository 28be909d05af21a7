import CAllocationCounter
import Testing

@Suite(
    "The counter of allocations",
    .enabled(if: sluice_counts_allocations(), "a sanitizer has an allocator of its own"))
struct AllocationCounterTests {
    @Test("Counts the allocations of its thread")
    func counts() {
        let before = sluice_allocations()
        var blocks: [UnsafeMutableRawPointer] = []
        blocks.reserveCapacity(100)
        for _ in 0..<100 { blocks.append(.allocate(byteCount: 64, alignment: 8)) }
        let counted = sluice_allocations() - before
        for block in blocks { block.deallocate() }
        #expect((101...110).contains(counted))
    }
}
