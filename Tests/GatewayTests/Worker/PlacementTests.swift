import Core
import Testing

@testable import Gateway

@Suite("The worker that a name is at home on")
struct PlacementTests {
    /// A hash without a key, by which anybody could choose names.
    private func publicHome(_ name: String, of workers: UInt64) -> UInt64 {
        let hash = name.utf8.reduce(into: 0xCBF2_9CE4_8422_2325 as UInt64) {
            $0 = ($0 ^ UInt64($1)) &* 0x100_0000_01B3
        }
        return (hash >> 32) % workers
    }

    @Test("is the same each time, and names that were chosen for one worker spread over all")
    func spread() throws {
        let context = try FakeNode.context(["WORKERS": "4"])
        let chosen = (0..<40_000).map { "room-\($0)" }.filter { publicHome($0, of: 4) == 0 }.prefix(8000)
        var counts = [0, 0, 0, 0]
        for name in chosen {
            let id = Identifier(unchecked: name)
            let home = context.home(of: id)
            #expect(home == context.home(of: Identifier(unchecked: name)))
            counts[home] += 1
        }
        // 2,000 each, with a deviation of 39.
        #expect(chosen.count == 8000 && counts.allSatisfy { (1700...2300).contains($0) }, "\(counts)")
    }
}
