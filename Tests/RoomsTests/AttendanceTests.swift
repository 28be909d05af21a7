import Core
import Rooms
import TestSupport
import Testing

@Suite("The connections of one user in one place")
struct AttendanceTests {
    @Test("a lost connection is replaced by the next one of its device, a living one is not")
    func replaced() {
        var attendance = Attendance.none
        let (first, second, third) = (sampleConnection("a"), sampleConnection("a"), sampleConnection("a"))
        #expect(attendance.isEmpty && attendance.user == nil)
        #expect(attendance.joined(first) == true)
        attendance.lost(first, graceEnd: 10)
        #expect(!attendance.isEmpty && attendance.living.isEmpty && attendance.user == first.user)
        #expect(attendance.joined(second) == false)
        #expect(attendance.entries.count == 1 && attendance.isLiving(second))
        #expect(attendance.joined(third) == false)
        #expect(attendance.living.count == 2)
        #expect(attendance.joined(sampleConnection("a", device: "desk")) == true)
    }

    @Test("the grace at its end and one before")
    func grace() {
        var attendance = Attendance.none
        let info = sampleConnection("a")
        attendance.joined(info)
        #expect(attendance.expire(at: .max).isEmpty)
        attendance.lost(info, graceEnd: 10)
        attendance.lost(info, graceEnd: 99)
        #expect(attendance.expire(at: 9).isEmpty && !attendance.isEmpty)
        #expect(attendance.expire(at: 10).count == 1 && attendance.isEmpty)
    }

    @Test("random events against a list", arguments: [21, 22, 23, 24] as [UInt64])
    func random(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var attendance = Attendance.none
        var model = AttendanceModel()
        var now = 0
        for step in 0..<2000 {
            now += 1
            let known = model.entries.randomElement(using: &random)?.info
            switch Int.random(in: 0..<4, using: &random) {
            case 0 where model.entries.count < 8:
                let info = sampleConnection("a", device: "\(Int.random(in: 0..<4, using: &random))")
                let isNew = model.entries.allSatisfy { $0.info.device != info.device }
                #expect(attendance.joined(info) == isNew, "seed \(seed), step \(step)")
                model.joined(info)
            case 1:
                guard let known else { continue }
                let end = now + Int.random(in: 0...9, using: &random)
                attendance.lost(known, graceEnd: end)
                model.lost(known, graceEnd: end)
            case 2:
                guard let known else { continue }
                attendance.left(known)
                model.left(known)
            default:
                let due = model.entries.filter { entry in entry.graceEnd.map { $0 <= now } ?? false }
                let expired = attendance.expire(at: now)
                #expect(expired.count == due.count, "seed \(seed), step \(step)")
                _ = model.expire(Identifier(unchecked: "a"), at: now)
            }
            let found = Dictionary(
                attendance.entries.map { (ObjectIdentifier($0.info), $0.graceEnd) }, uniquingKeysWith: { one, _ in one }
            )
            let expected = Dictionary(
                model.entries.map { (ObjectIdentifier($0.info), $0.graceEnd) }, uniquingKeysWith: { one, _ in one })
            #expect(found == expected, "seed \(seed), step \(step)")
            #expect(attendance.entries.count == model.entries.count, "seed \(seed), step \(step)")
            #expect(attendance.isEmpty == model.entries.isEmpty, "seed \(seed), step \(step)")
        }
    }
}
