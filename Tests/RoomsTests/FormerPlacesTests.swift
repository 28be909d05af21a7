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

    @Test("The name of an epoch that is not known says what was seen before it, of a room and not of an inbox")
    func names() {
        var room = FormerPlaces(readsNames: true)
        room.lineage = Lineage([Position(epoch: "e~d:4", seq: 9)])
        room.came(11, was: [Position(epoch: "d", seq: 4)], oldestSeq: 1)
        room.came(12, was: [Position(epoch: "d", seq: 5)], oldestSeq: 1)
        let seqs: [UInt64] = [7, 8, 11, 12, 13]
        func seen(_ name: String, in places: FormerPlaces) -> [UInt64] {
            seqs.filter { places.wasSeen($0, upTo: Position(epoch: name, seq: 1)) }
        }
        #expect(seen("x~e:7", in: room) == [7] && seen("x~e:7~d:4", in: room) == [7, 11])
        #expect(seen("y~x:20~d:5", in: room) == [11, 12] && seen("x", in: room).isEmpty)
        for nonsense in ["x~", "x~e", "x~e:", "x~e:-1", "x~:7", "x~z~e:7", "~~~", "x~e:99999999999999999999"] {
            #expect(seen(nonsense, in: room).isEmpty, "\(nonsense)")
        }
        #expect(seen("x~e:7", in: room.ofThisNode).isEmpty)
        var inbox = FormerPlaces()
        inbox.lineage = room.lineage
        #expect(seen("x~e:7", in: inbox).isEmpty)
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

    @Test("Who was led here has not seen what stood at the same place in a second history of the epoch")
    func second() {
        var places = places([Position(epoch: "e", seq: 9)])
        places.replaced("e", held: 3...6)
        let place = Position(epoch: "e", seq: 4)
        places.came(4, was: [place], held: [place], oldestSeq: 1)
        places.came(10, was: [place], held: [], oldestSeq: 1)
        // Nobody here held anything there.
        places.came(11, was: [Position(epoch: "e", seq: 7)], held: [], oldestSeq: 1)
        let led = places.ofThisNode
        let position = Position(epoch: "e", seq: 9)
        #expect([4, 10, 11].map { led.wasSeen($0, upTo: position) } == [true, false, true])
        // Who comes may have been on either side.
        #expect([4, 10, 11].map { places.wasSeen($0, upTo: position) } == [true, true, true])
        // Others hear of both.
        #expect(places.map(of: "e") != FormerMap() && places.places(of: 10) == [place])
    }

    @Test("What was held is remembered of so many epochs, whether others forked from them or not")
    func bound() {
        var places = places()
        for number in 0...FormerPlaces.epochsMax { places.replaced("e\(number)", held: 1...2) }
        #expect(!places.knows("e0") && places.knows("e1") && places.knows("e\(FormerPlaces.epochsMax)"))
        places.replaced("f", held: nil)
        #expect(!places.knows("e1") && !places.knows("f"))
    }

    @Test("Of an entry the last places are remembered, each once")
    func placesBound() {
        var places = places()
        let all = (0...UInt64(FormerPlaces.epochsMax)).map { Position(epoch: "e\($0)", seq: 1) }
        for place in all { places.came(9, was: [place, place], oldestSeq: 1) }
        #expect(places.places(of: 9) == Array(all.dropFirst()))
        #expect(places.places(of: 8).isEmpty)
    }

    @Test("A position needs no other node's word up to where the epoch was held, or once all have spoken")
    func covers() {
        var places = places([Position(epoch: "d", seq: 9)])
        places.replaced("e", held: 3...6)
        func covers(_ epoch: String, _ seq: UInt64) -> Bool { places.covers(Position(epoch: epoch, seq: seq)) }
        #expect(covers("e", 6) && !covers("e", 7) && !covers("d", 1))
        places.settle("d")
        #expect(covers("d", 1) && covers("d", 99) && !covers("c", 1))
        places.unsettle("d")
        #expect(!covers("d", 1))
        places.settle("d")
        places.replaced("f", held: nil)
        #expect(!covers("d", 1) && covers("e", 6))
    }

    @Test("What one node knows of an epoch, another one learns")
    func learned() {
        var (one, other) = (places(), places())
        for seq in 11...13 as ClosedRange<UInt64> {
            one.came(seq, was: [Position(epoch: "e", seq: seq - 8)], oldestSeq: 1)
        }
        one.came(20, was: [Position(epoch: "d", seq: 1), Position(epoch: "e", seq: 9)], oldestSeq: 1)
        let map = one.map(of: "e")
        #expect(map.text == "3 11 3 9 20 1" && one.map(of: "x").isEmpty)
        other.came(12, was: [Position(epoch: "d", seq: 7)], oldestSeq: 1)
        other.learned(map, of: "e", oldestSeq: 12)
        for (seq, upTo, wasSeen) in [(11, 9, false), (12, 4, true), (12, 3, false), (13, 9, true), (20, 8, false)]
            as [(UInt64, UInt64, Bool)]
        {
            #expect(other.wasSeen(seq, upTo: Position(epoch: "e", seq: upTo)) == wasSeen, "\(seq) \(upTo)")
        }
        #expect(other.wasSeen(12, upTo: Position(epoch: "d", seq: 7)))
        // What comes later adds to it.
        other.came(20, was: [Position(epoch: "d", seq: 1)], oldestSeq: 12)
        #expect(other.wasSeen(20, upTo: Position(epoch: "e", seq: 9)))
    }
}
