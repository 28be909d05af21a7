import Core
import Testing

@Suite("Fast random numbers")
struct FastRandomTests {
    @Test("one seed gives one sequence, 0 is a seed, and halves are even")
    func sequence() {
        var (one, other, zero) = (FastRandom(seed: 7), FastRandom(seed: 7), FastRandom(seed: 0))
        #expect((0..<100).allSatisfy { _ in one.next() == other.next() })
        #expect(zero.next() != 0)
        let high = (0..<10_000).count { _ in Int.random(in: 0..<1000, using: &one) >= 500 }
        #expect((4_700...5_300).contains(high))
    }
}
