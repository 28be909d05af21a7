import Core
import Rooms
import Testing

@testable import Gateway

@Suite("What a room keeps of members that are not where it is")
struct PlacingValuesTests {
    private func info(_ key: UInt64) -> ConnectionInfo {
        ConnectionInfo(
            user: Identifier(unchecked: "u\(key)"), device: Identifier(unchecked: "d\(key)"), deviceType: nil,
            worker: 0,
            socketKey: key, connectedAt: 0, userNumber: 1)
    }

    private func message(_ number: UInt64, in submissions: inout Submissions) -> Submission {
        let body = Array(#","id":"\#(number)","user":"u","content":1,"ts":1}"#.utf8)
        let submission = Submission(
            user: Identifier(unchecked: "u"), id: [], rawID: [], body: body, time: 1, author: .nobody)
        return submissions.append(submission, isProvisional: true)
    }

    @Test("Members wait in the order in which they came, each once and at its first place")
    func unplaced() {
        var unplaced = UnplacedMembers()
        let infos = (0..<100).map { info(UInt64($0)) }
        for info in infos { unplaced.append(info, at: Position(epoch: "e", seq: info.socketKey), since: 0) }
        unplaced.append(infos[3], at: nil, since: 9)
        unplaced.remove(infos[5])
        #expect(unplaced.contains(infos[3]) && !unplaced.contains(infos[5]))
        let even = unplaced.take { ($0.position?.seq ?? 1) % 2 == 0 }.map(\.info.socketKey)
        #expect(even == Array(stride(from: 0, to: 100, by: 2)))
        let odd = unplaced.take { _ in true }.map(\.info.socketKey)
        #expect(odd == Array(stride(from: 1, to: 100, by: 2)).filter { $0 != 5 } && unplaced.isEmpty)
    }

    @Test("Own messages that got places keep their order and places, and are given out once all are placed")
    func own() {
        var (unplaced, submissions) = (UnplacedMembers(), Submissions())
        let sent = (0..<3).map { message(UInt64($0), in: &submissions) }
        for (seq, message) in sent.enumerated() {
            unplaced.gotPlace(message, at: Position(epoch: "e", seq: UInt64(seq + 1)))
        }
        #expect(unplaced.own.map(\.place.seq) == [1, 2, 3])
        #expect(unplaced.takeOwn().compactMap(\.message.number) == [0, 1, 2] && unplaced.own.isEmpty)
    }

    @Test("A member that has seen several former epochs is led out once of what it saw in any of them")
    func resumed() {
        var resumed = ResumedMembers()
        let (ann, bob) = (info(1), info(2))
        resumed.append(ann, from: Position(epoch: "e", seq: 5))
        resumed.append(ann, from: Position(epoch: "f", seq: 7))
        resumed.append(bob, from: Position(epoch: "f", seq: 6))
        #expect(resumed.all { $0.passed.position.seq >= 5 }.count == 2)
        #expect(resumed.all { $0.passed.position.epoch == "e" }.map(\.socketKey) == [1])
        resumed.remove(ann)
        #expect(resumed.all { _ in true }.map(\.socketKey) == [2])
    }
}
