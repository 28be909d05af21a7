import CAllocationCounter
import Glibc
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

    @Test("Counts the bytes that its thread holds, with the allocator's part, until they are given back")
    func holds() {
        let before = sluice_held_bytes()
        let block = UnsafeMutableRawPointer.allocate(byteCount: 10_000, alignment: 8)
        #expect((10_008...10_100).contains(sluice_held_bytes() - before))
        let larger = realloc(block, 20_000)
        #expect((20_008...20_100).contains(sluice_held_bytes() - before))
        free(larger)
        #expect(abs(sluice_held_bytes() - before) < 1000)
    }
}
