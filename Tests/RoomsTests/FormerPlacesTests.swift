import Core
import Rooms
import Testing

@Suite("Where entries stood in former epochs")
struct FormerPlacesTests {
    private func places(_ forks: [Position] = []) -> FormerPlaces {
        var places = FormerPlaces()
        places.lineage = Lineage(forks)
        return places
    }

    @Test("Up to the fork, and up to the position, entries stood at the same seqs")
    func lineage() {
        let places = places([Position(epoch: "e", seq: 5)])
        #expect(places.knows("e") && !places.knows("f"))
        for (seq, position, wasSeen) in [(3, 3, true), (4, 3, false), (5, 9, true), (6, 9, false)]
            as [(UInt64, UInt64, Bool)]
        {
            #expect(places.wasSeen(seq, upTo: Position(epoch: "e", seq: position)) == wasSeen, "\(seq) \(position)")
            #expect(!places.wasSeen(seq, upTo: Position(epoch: "f", seq: position)))
        }
    }

    @Test("What was committed again is known by where it stood")
    func again() {
        var places = places([Position(epoch: "e", seq: 5)])
        places.came(7, was: [Position(epoch: "e", seq: 4), Position(epoch: "d", seq: 9)], oldestSeq: 1)
        places.came(8, was: [], oldestSeq: 1)
        #expect(places.wasSeen(7, upTo: Position(epoch: "e", seq: 4)))
        #expect(!places.wasSeen(7, upTo: Position(epoch: "e", seq: 3)))
        #expect(places.wasSeen(7, upTo: Position(epoch: "d", seq: 9)) && !places.knows("d"))
        #expect(!places.wasSeen(8, upTo: Position(epoch: "e", seq: 9)))
    }

    @Test("Of a history that was held here only those entries were seen that came over, whatever the store has")
    func held() {
        var places = places([Position(epoch: "e", seq: 9)])
        places.replaced("e", held: 3...6)
        places.came(3, was: [Position(epoch: "e", seq: 3)], oldestSeq: 1)
        let position = Position(epoch: "e", seq: 9)
        // 4 is another one's: the store had a second history of this epoch.
        #expect(places.wasSeen(3, upTo: position) && !places.wasSeen(4, upTo: position))
        // Before and behind what was held the lineage alone says something.
        #expect(places.wasSeen(2, upTo: position) && places.wasSeen(7, upTo: position))
        #expect(!places.wasSeen(10, upTo: position))
    }

    @Test("What nobody forked from is known as long as it was the last")
    func unknownForks() {
        var places = places()
        places.replaced("e", held: 1...2)
        #expect(places.knows("e"))
        places.replaced("f", held: nil)
        #expect(!places.knows("e") && !places.knows("f"))
    }
}
