import Core
import Testing

@testable import Rooms

struct ReplicaMessagesTests {
    @Test("A repetition is given out once its place has come, and its message waits no longer")
    func repetitions() {
        var messages = ReplicaMessages()
        guard case .taken = messages.submitted(sampleSubmission("a"), isAway: false, mayKeep: true) else {
            Issue.record("the message was not taken")
            return
        }
        messages.repetitionFound(0, first: Position(epoch: "e", seq: 3), time: 7, isStored: true)
        let early = messages.takeRepetition(upTo: Position(epoch: "e", seq: 2))
        #expect(early?.text == nil)
        let repetition = messages.takeRepetition(upTo: Position(epoch: "e", seq: 3))
        #expect(repetition?.text == "a at e 3" && messages.submissions.count == 0)
        let again = messages.takeRepetition(upTo: Position(epoch: "e", seq: 3))
        #expect(again?.text == nil)
    }

    @Test("A message that is sent again waits, too, while nobody was shown the first one without a place")
    func repeatedUnshown() {
        var messages = ReplicaMessages()
        _ = messages.submitted(sampleSubmission("a"), isAway: false, mayKeep: true)
        #expect(messages.known(sampleSubmission("a"), held: nil, in: "e") == nil)
        _ = messages.unplaced(0, held: nil, in: "e")
        guard case .repeatedWaiting? = messages.known(sampleSubmission("a"), held: nil, in: "e") else {
            Issue.record("it is kept, and shown")
            return
        }
    }

    @Test("Of a lost history the queue has what is still missing, in order, as one commit may carry")
    func lostHistory() {
        var messages = ReplicaMessages()
        let count = Submissions.batchMax + 2
        let seen = (1...UInt64(count)).map { SeenEntry(seq: $0, body: sampleBody("i\($0)")) }
        messages.historyLost("e", seen: seen.reversed(), kept: 1)
        messages.former.queueMissing()
        let arrival = messages.came(sampleEntry(9, "i2"))
        #expect(arrival.isSeen && arrival.was == [Position(epoch: "e", seq: 2)])
        let queued = messages.former.takeQueued()
        #expect(queued.count == Submissions.batchMax && queued.first?.body == sampleBody("i3"))
        let rest = messages.former.takeQueued()
        #expect(rest.isEmpty && !messages.former.isAnyQueued)
    }
}
