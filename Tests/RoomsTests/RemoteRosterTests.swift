import Core
import Rooms
import TestSupport
import Testing

@Suite("Who is in a room on other nodes")
struct RemoteRosterTests {
    private func attendance(_ node: String, _ devices: String...) -> RemoteAttendance {
        RemoteAttendance(
            node: node,
            devices: devices.map {
                .init(device: Identifier(unchecked: $0), deviceType: $0 == "tv" ? "tv set" : nil, connectedAt: 7)
            })
    }

    @Test("a record says the same when it is read; of one that can't be read the user is there all the same")
    func records() {
        for value in [attendance("n"), attendance("n", "a"), attendance("n", "tv", "ä b")] {
            #expect(RemoteAttendance(record: value.record) == value)
        }
        #expect(RemoteAttendance(record: []) == nil)
        for text in ["\n", "1", "n\na", "2\nn\na\n\n1", "{\"format\":3}", "1\nn\na\n", "1\nn\na/b\n\n1"] {
            #expect(RemoteAttendance(record: Array(text.utf8))?.devices == [], "\(text)")
        }
        #expect(RemoteAttendance(record: [0xFF, 0x00])?.devices == [])
        for time in ["x", "-1", "\(Int.max)", "99999999999999999999"] {
            let read = RemoteAttendance(record: Array("1\nn\na\n\n\(time)".utf8))
            #expect(read?.devices.map(\.connectedAt) == [0], "\(time)")
        }
    }

    @Test("random tellings against a set of pairs", arguments: [1, 2] as [UInt64])
    func random(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var roster = RemoteRoster()
        var model: Set<[String]> = []
        for step in 0..<2000 {
            let (boot, name) = (
                "b\(Int.random(in: 0..<3, using: &random))", "u\(Int.random(in: 0..<6, using: &random))"
            )
            let user = Identifier(unchecked: name)
            let isIn = Bool.random(using: &random)
            let heard = isIn ? attendance("n-\(boot)", "a") : nil
            roster.heard(user, by: boot, heard)
            if isIn { model.insert([boot, name]) } else { model.remove([boot, name]) }
            let isInNow = model.contains { $0[1] == name }
            #expect(roster.attendance(of: user, by: boot) == heard, "seed \(seed), step \(step)")
            #expect(roster.contains(user) == isInNow && Set(roster.entries.map { [$0.boot, $0.user.text] }) == model)
            #expect(Set(roster.users(of: boot).map(\.text)) == Set(model.filter { $0[0] == boot }.map { $0[1] }))
            #expect(
                roster.attendances(of: user).map(\.node) == model.filter { $0[1] == name }.map { "n-" + $0[0] }.sorted()
            )
        }
    }
}
