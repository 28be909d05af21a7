import Core
import Testing

@testable import Gateway

@Suite("Reads of connections take turns")
struct ReadTurnsTests {
    /// Keeps which reads began, by their keys.
    private final class Scene {
        var turns = ReadTurns()
        var begun: [UInt64] = []
        var heldBack: Set<IPAddress> = []

        func ask(_ keys: some Sequence<UInt64>, of address: IPAddress?) {
            for key in keys { turns.asked({ [unowned self] in begun.append(key) }, key, of: address) }
        }

        /// Ends the turn; whether there is more for the next one.
        func endTurn() -> Bool { turns.turnEnded() }

        /// Takes what begins in the rest of a turn.
        func begin(nanosecondsEach: Int = 0) -> [UInt64] {
            begun = []
            while let question = turns.next(isHeldBack: { $0.map(heldBack.contains) ?? false }) {
                question()
                turns.took(nanoseconds: nanosecondsEach)
            }
            return begun
        }
    }

    private let mallory = IPAddress(v4: 1)
    private let ann = IPAddress(v4: 2)

    @Test("One turn begins so many, in order, and says whether there is more for the next")
    func turn() {
        let scene = Scene()
        let most = UInt64(ReadTurns.startsMax)
        scene.ask(1...most + 1, of: mallory)
        #expect(scene.begin() == Array(1...most))
        for key in 1...most { scene.turns.ended(key) }
        #expect(scene.begin().isEmpty)
        #expect(scene.endTurn())
        #expect(scene.begin() == [most + 1])
        #expect(!scene.endTurn())
    }

    @Test("Dear ones use up the turn's time before its number")
    func time() {
        let scene = Scene()
        scene.ask(1...4, of: mallory)
        #expect(scene.begin(nanosecondsEach: ReadTurns.nanosecondsMax / 2) == [1, 2])
        #expect(scene.endTurn())
        #expect(scene.begin(nanosecondsEach: ReadTurns.nanosecondsMax) == [3])
    }

    @Test("Of an address so many are under way; an answer, or the end of a connection, makes place")
    func underWay() {
        let scene = Scene()
        let most = UInt64(ReadTurns.underWayMax)
        scene.ask(1...most + 3, of: mallory)
        #expect(scene.begin().count == Int(most))
        #expect(!scene.endTurn() && scene.begin().isEmpty)
        scene.turns.ended(2)
        #expect(scene.begin() == [most + 1])
        // One that waits goes, too.
        scene.turns.ended(most + 2)
        scene.turns.ended(1)
        #expect(scene.begin() == [most + 3])
        // What was not asked has no place to give back.
        scene.turns.ended(100)
        scene.ask([101], of: mallory)
        #expect(scene.begin().isEmpty)
    }

    @Test("Addresses take turns: one read waits for at most one of each other")
    func addresses() {
        let scene = Scene()
        scene.ask(1...100, of: mallory)
        scene.ask([200, 201], of: ann)
        scene.ask([300], of: nil)
        #expect(scene.begin() == [1, 200, 300, 2, 201, 3, 4, 5])
    }

    @Test("An address whose output is not out waits, the others do not; nobody turns the loop for it")
    func heldBack() {
        let scene = Scene()
        scene.heldBack = [mallory]
        scene.ask([1], of: mallory)
        scene.ask([2], of: ann)
        #expect(scene.begin() == [2])
        #expect(!scene.endTurn())
        #expect(scene.begin().isEmpty)
        #expect(!scene.endTurn())
        scene.heldBack = []
        #expect(scene.begin() == [1])
    }

    @Test("An address that is full and held back goes on when it is neither")
    func fullAndHeldBack() {
        let scene = Scene()
        let most = UInt64(ReadTurns.underWayMax)
        scene.ask(1...most + 2, of: mallory)
        #expect(scene.begin().count == Int(most))
        #expect(!scene.endTurn())
        scene.heldBack = [mallory]
        scene.turns.ended(1)
        #expect(scene.begin().isEmpty)
        // Another answer comes in the same turn, and it is held back still.
        scene.turns.ended(2)
        #expect(scene.begin().isEmpty)
        #expect(!scene.endTurn())
        scene.heldBack = []
        #expect(scene.begin() == [most + 1, most + 2])
        #expect(!scene.endTurn())
    }
}
