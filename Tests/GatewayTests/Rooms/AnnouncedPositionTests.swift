import Core
import Rooms
import Testing

@testable import Gateway

struct AnnouncedPositionTests {
    @Test("Nothing is a gap that follows; else there is one, with its first reason, once")
    func gaps() {
        var announced = AnnouncedPosition(Position(epoch: "e", seq: 4))
        #expect(announced.takeGap(before: 5, in: "e") == nil)
        announced.reached(Position(epoch: "e", seq: 5))
        #expect(announced.takeGap(before: 8, in: "e") == .trimmed)
        announced.reached(Position(epoch: "e", seq: 8))
        announced.skipped(.notStored)
        announced.skipped(.trimmed)
        #expect(announced.takeGap(before: 9, in: "e") == .notStored)
        #expect(announced.takeGap(before: 9, in: "e") == nil)
    }

    @Test("Another epoch is the reason, whatever was skipped before it")
    func anotherEpoch() {
        var announced = AnnouncedPosition(Position(epoch: "e", seq: 4))
        announced.skipped(.trimmed)
        #expect(announced.takeGap(before: 5, in: "f") == .epochChanged)
        announced.reached(Position(epoch: "f", seq: 5))
        #expect(announced.takeGap(before: 6, in: "f") == nil)
    }
}
