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

        func ask(_ keys: some Sequence<UInt64>, of address: IPAddress?, bytesMax: Int = page) {
            for key in keys {
                turns.asked({ [unowned self] in begun.append(key) }, key, of: address, bytesMax: bytesMax)
            }
        }

        /// Ends the turn; whether there is more for the next one.
        func endTurn() -> Bool { turns.turnEnded() }

        /// Takes what begins in the rest of a turn.
        /// - Parameter answerBytes: of an answer that is there at once, as of this worker's own rooms; nil: none is.
        func begin(nanosecondsEach: Int = 0, answerBytes: Int? = nil) -> [UInt64] {
            begun = []
            while let question = turns.next(isHeldBack: { $0.map(heldBack.contains) ?? false }) {
                question()
                if let answerBytes, let key = begun.last { turns.ended(key, bytes: answerBytes) }
                turns.took(nanoseconds: nanosecondsEach)
            }
            return begun
        }
    }

    /// The largest answer: as much as one turn may begin.
    private static let page = ReadTurns.turnBytesMax
    private static let small = ReadTurns.turnBytesMax / 8
    private let mallory = IPAddress(v4: 1)
    private let ann = IPAddress(v4: 2)

    @Test("One turn begins a page of answers, in order, and says whether there is more for the next")
    func turn() {
        let scene = Scene()
        scene.ask(1...9, of: mallory, bytesMax: Self.small)
        #expect(scene.begin() == Array(1...8))
        #expect(scene.begin().isEmpty)
        #expect(scene.endTurn())
        #expect(scene.begin() == [9])
        #expect(!scene.endTurn())
    }

    @Test("A large answer is a turn by itself")
    func large() {
        let scene = Scene()
        scene.ask(1...3, of: mallory)
        #expect(scene.begin(answerBytes: Self.page) == [1])
        #expect(scene.endTurn())
        #expect(scene.begin(answerBytes: Self.page) == [2])
    }

    @Test("An answer that is there counts as what it is: of small ones a turn has many")
    func smallAnswers() {
        let scene = Scene()
        scene.ask(1...9, of: mallory)
        #expect(scene.begin(answerBytes: Self.small) == Array(1...8))
        #expect(scene.endTurn())
        #expect(scene.begin(answerBytes: 0) == [9])
        // Nothing costs nothing.
        scene.ask(100...999, of: mallory)
        #expect(scene.begin(answerBytes: 0).count == Self.page / ReadTurns.answerBytesLeast - 1)
    }

    @Test("Answers that come from other workers leave in the turn in which they come")
    func laterAnswers() {
        let scene = Scene()
        scene.ask(1...2, of: mallory)
        #expect(scene.begin() == [1])
        #expect(scene.endTurn())
        scene.turns.ended(1, bytes: Self.page)
        #expect(scene.begin().isEmpty)
        #expect(scene.endTurn())
        #expect(scene.begin() == [2])
    }

    @Test("Dear ones use up the turn's time before its bytes")
    func time() {
        let scene = Scene()
        scene.ask(1...4, of: mallory, bytesMax: Self.small)
        #expect(scene.begin(nanosecondsEach: ReadTurns.nanosecondsMax / 2) == [1, 2])
        #expect(scene.endTurn())
        #expect(scene.begin(nanosecondsEach: ReadTurns.nanosecondsMax) == [3])
    }

    /// Begins what may begin in as many turns as it takes.
    private func beginAll(_ scene: Scene) -> [UInt64] {
        var begun: [UInt64] = []
        repeat { begun += scene.begin() } while scene.endTurn()
        return begun
    }

    @Test("Of an address so much is under way; an answer, or the end of a connection, makes place")
    func underWay() {
        let scene = Scene()
        let most = UInt64(ReadTurns.addressBytesMax / Self.page)
        scene.ask(1...most + 3, of: mallory)
        #expect(beginAll(scene) == Array(1...most))
        scene.turns.ended(2)
        #expect(beginAll(scene) == [most + 1])
        // One that waits goes, too.
        scene.turns.ended(most + 2)
        scene.turns.ended(1)
        #expect(beginAll(scene) == [most + 3])
        // What was not asked has no place to give back.
        scene.turns.ended(100)
        scene.ask([101], of: mallory)
        #expect(beginAll(scene).isEmpty)
        // Those of others do not wait for it.
        scene.ask([200], of: ann)
        #expect(beginAll(scene) == [200])
    }

    @Test("Addresses take turns: one read waits for at most one of each other")
    func addresses() {
        let scene = Scene()
        scene.ask(1...100, of: mallory, bytesMax: Self.small)
        scene.ask([200, 201], of: ann, bytesMax: Self.small)
        scene.ask([300], of: nil, bytesMax: Self.small)
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
        let most = UInt64(ReadTurns.addressBytesMax / Self.page)
        scene.ask(1...most + 2, of: mallory)
        #expect(beginAll(scene).count == Int(most))
        scene.heldBack = [mallory]
        scene.turns.ended(1)
        #expect(beginAll(scene).isEmpty)
        // Another answer comes, and it is held back still.
        scene.turns.ended(2)
        #expect(beginAll(scene).isEmpty)
        scene.heldBack = []
        #expect(beginAll(scene) == [most + 1, most + 2])
    }
}
