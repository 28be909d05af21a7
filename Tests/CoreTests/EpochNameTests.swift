import Core
import Testing

@Suite("Names of epochs")
struct EpochNameTests {
    @Test("A name says the two epochs from which it came, the nearest one first, and nothing of theirs")
    func parents() {
        var lineage = Lineage()
        #expect(EpochName.text("a", after: lineage) == "a")
        var name = "a"
        for (own, seq) in [("b", 5), ("c", 6), ("d", 7)] as [(String, UInt64)] {
            lineage = Lineage(lineage.forks + [Position(epoch: name, seq: seq)])
            name = EpochName.text(own, after: lineage)
        }
        #expect(name == "d~c:7~b:6" && EpochName.own(name) == "d")
        #expect(EpochName.parents(of: name).map { "\($0.own) \($0.seq)" } == ["c 7", "b 6"])
        #expect(EpochName.own("a") == "a" && EpochName.parents(of: "a").isEmpty)
        // A client's word.
        #expect(EpochName.parents(of: "a~b:1~c:2~d:3~e:4").count == EpochName.parentsMax)
    }

    @Test("The longest name that nodes make is one that a client may say")
    func length() {
        let own = String(repeating: "z", count: 20)
        let forks = (0..<3).map { _ in Position(epoch: own, seq: 1 << 53) }
        #expect(EpochName.text(own, after: Lineage(forks)).utf8.count <= EpochName.byteCountMax)
    }
}
