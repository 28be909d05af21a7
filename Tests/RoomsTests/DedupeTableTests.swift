import Core
import Rooms
import Testing

@Suite("Message ids that are known")
struct DedupeTableTests {
    /// The time in a message does not matter to how long its id is known.
    private static let stamp = 1_700_000_000_000
    private let anna = Identifier(unchecked: "anna")
    private let ben = Identifier(unchecked: "ben")

    private func insert(_ table: DedupeTable, _ user: Identifier, _ id: String, seq: UInt64, at time: Int) {
        withText(id) {
            table.insert(user, $0, Committed(position: Position(epoch: "e", seq: seq), time: Self.stamp), at: time)
        }
    }

    private func seq(_ table: DedupeTable, _ user: Identifier, _ id: String) -> UInt64? {
        withText(id) { table.find(user, $0)?.position.seq }
    }

    @Test("an id stands for its first commit, and for its user only")
    func users() {
        let table = DedupeTable()
        #expect(seq(table, anna, "1") == nil)
        insert(table, anna, "1", seq: 5, at: 100)
        #expect(seq(table, anna, "1") == 5 && seq(table, ben, "1") == nil && seq(table, anna, "2") == nil)
        insert(table, ben, "1", seq: 6, at: 100)
        #expect(seq(table, anna, "1") == 5 && seq(table, ben, "1") == 6)
        #expect(withText("1") { table.find(anna, $0)?.time } == Self.stamp)
        #expect(table.count == 2)
    }

    @Test("user and id don't run into each other")
    func split() {
        let table = DedupeTable()
        insert(table, Identifier(unchecked: "ab"), "c", seq: 1, at: 1)
        #expect(seq(table, Identifier(unchecked: "a"), "bc") == nil)
    }

    @Test("the window: an id of the time itself stays, an older one goes")
    func window() {
        let table = DedupeTable()
        for time in 1...100 { insert(table, anna, "\(time)", seq: UInt64(time), at: time) }
        table.expire(before: 50)
        #expect(table.count == 51)
        #expect(seq(table, anna, "49") == nil && seq(table, anna, "50") == 50 && seq(table, anna, "100") == 100)
        table.expire(before: 101)
        #expect(table.count == 0)
        insert(table, anna, "49", seq: 200, at: 200)
        #expect(seq(table, anna, "49") == 200)
    }

    @Test("the bound at n and n + 1: the oldest is forgotten")
    func bound() {
        let table = DedupeTable()
        for number in 1...DedupeTable.countMax { insert(table, anna, "\(number)", seq: UInt64(number), at: 1) }
        #expect(table.count == DedupeTable.countMax && seq(table, anna, "1") == 1)
        insert(table, anna, "one more", seq: 7, at: 1)
        #expect(table.count == DedupeTable.countMax)
        #expect(seq(table, anna, "1") == nil && seq(table, anna, "2") == 2 && seq(table, anna, "one more") == 7)
    }
}
