import Rooms
import Testing

@Suite("Where the entries of one former epoch stand now")
struct FormerMapTests {
    private func entries(_ map: FormerMap) -> [[UInt64]] {
        var entries: [[UInt64]] = []
        map.withEach { entries.append([$0, $1]) }
        return entries
    }

    @Test("Entries one behind the other are one run; the text means the same when it is read")
    func runs() {
        var map = FormerMap()
        #expect(map.isEmpty && map.text.isEmpty && FormerMap(text: "") == map)
        let all: [[UInt64]] = [[1, 11], [2, 12], [3, 14], [9, 15], [4, 16]]
        for entry in all { map.append(entry[0], at: entry[1]) }
        #expect(map.text == "1 11 2 3 14 1 9 15 1 4 16 1")
        #expect(entries(map) == all && FormerMap(text: map.text) == map)
    }

    @Test("No text breaks it")
    func broken() {
        let high = "18446744073709551615"
        let large = ["\(high) 1 1", "1 \(high) 1", "1 1 \(high)", "1 1 1000001"]
        for text in large + ["x", "1 2", "1 2 3 4", "1 2 0", "1 2 -1"] {
            #expect(FormerMap(text: text) == nil, "\(text)")
        }
        #expect(FormerMap(text: "1 1 1000000") != nil)
        #expect(FormerMap(text: "1 1 1000000 1 1 1") == nil)
    }

    @Test("It has so many runs")
    func bound() {
        var map = FormerMap()
        for number in 0...UInt64(FormerMap.runsMax) { map.append(2 * number, at: number) }
        #expect(entries(map).count == FormerMap.runsMax)
        #expect(FormerMap(text: map.text) == map)
        #expect(FormerMap(text: map.text + " 1 1 1") == nil)
    }
}
