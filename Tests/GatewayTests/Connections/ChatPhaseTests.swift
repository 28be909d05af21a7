import Core
import Overload
import Rooms
import Testing
import WireProtocol

@testable import Gateway

@Suite("The chat phase of a connection, without a socket")
struct ChatPhaseTests {
    /// A connection that is in `room`, at home on the same worker.
    private func scene(_ environment: [String: String] = [:]) throws -> (TestWorker, FakeMember) {
        let worker = try TestWorker(environment)
        let chat = FakeMember(worker.core, 1, info: worker.info("ann", 1))
        let owner = try #require(worker.rooms.open(Identifier(unchecked: "room")))
        _ = chat.delivery.open(owner.id, owner: owner)
        chat.enter(owner.id, isURLRoom: true)
        return (worker, chat)
    }

    @Test("A message is committed at its room's home, and acked")
    func message() throws {
        let (worker, chat) = try scene()
        chat.receive(#"{"type":"message","id":"m","content":"hello"}"#)
        worker.endTurn()
        let texts = chat.takeTexts()
        #expect(texts.count == 1 && texts[0].contains(#""type":"ack""#) && texts[0].contains(#""seq":1"#))
        #expect(worker.core.counters.committed.value == 1 && worker.core.counters.messagesIn.value == 1)
    }

    @Test("A room that the connection is not in is refused by name")
    func outside() throws {
        let (_, chat) = try scene()
        for frame in [#"{"type":"message","id":"m","room":"other","content":1}"#, #"{"type":"users","room":"other"}"#] {
            chat.receive(frame)
            let texts = chat.takeTexts()
            #expect(texts.count == 1 && texts[0].contains(#""code":"not_in_room""#) && texts[0].contains("other"))
        }
    }

    @Test("What has waited for longer than it is of use is refused, and not done late")
    func tooLate() throws {
        for (waited, isRefused) in [(10_000, false), (10_001, true)] {
            let (worker, chat) = try scene()
            worker.core.load.waitedMilliseconds = waited
            chat.receive(#"{"type":"message","id":"m","content":"hello"}"#)
            worker.endTurn()
            let texts = chat.takeTexts()
            #expect(texts.count == 1 && texts[0].contains(#""code":"unavailable""#) == isRefused)
            #expect(texts[0].contains(#""retry_ms""#) == isRefused && texts[0].contains(#""id":"m""#))
            #expect(worker.core.counters.shedCount(.messages) == (isRefused ? 1 : 0))
            #expect(worker.core.counters.committed.value == (isRefused ? 0 : 1))
        }
        let (worker, chat) = try scene()
        worker.core.load.waitedMilliseconds = 3_600_000
        // A mark is as good as new; typing is of no use, and nobody is answered for it.
        chat.receive(#"{"type":"read","seq":1}"#)
        chat.receive(#"{"type":"typing","typing":true}"#)
        chat.receive(#"{"type":"ping"}"#)
        let texts = chat.takeTexts()
        #expect(texts.count == 1 && texts[0].contains(#""type":"pong""#))
        #expect(worker.core.counters.shedCount(.typing) == 1 && worker.core.counters.shedCount(.readMarks) == 0)
    }

    @Test("A room that is the heaviest source is refused by its share; other rooms of the connection are not")
    func heaviestRoom() throws {
        let (worker, chat) = try scene()
        let other = try #require(worker.rooms.open(Identifier(unchecked: "other")))
        _ = chat.delivery.open(other.id, owner: other)
        chat.enter(other.id, isURLRoom: false)
        // A worker that is late, with rounds as long as are hardly felt, and a room that has most of its time.
        for _ in 0..<40 where worker.core.load.controller.turns.heaviest == nil {
            worker.core.load.controller.turns.delivered(100, 40_000_000, in: Identifier(unchecked: "room"))
            worker.core.load.controller.turns.delivered(1, 100_000, in: Identifier(unchecked: "other"))
            worker.core.load.controller.turns.passed(milliseconds: 50)
            worker.core.load.controller.windowEnded(delayMicroseconds: 100_000, busy: 1, elapsed: 50)
        }
        #expect(worker.core.load.controller.turns.heaviest?.room?.text == "room")
        let frames = (0..<80).map { #"{"type":"message","id":"m\#($0)","content":1}"# }
        for frame in frames { chat.receive(frame) }
        for number in 0..<10 { chat.receive(#"{"type":"message","id":"o\#(number)","room":"other","content":1}"#) }
        worker.endTurn()
        let texts = chat.takeTexts()
        let refused = texts.count { $0.contains(#""code":"rate_limited""#) && $0.contains(#""retry_ms""#) }
        #expect(refused > 40 && refused < 80)
        #expect(texts.count { $0.contains(#""type":"ack""#) && $0.contains(#""room":"other""#) } == 10)
        #expect(worker.core.counters.count(.heaviest) == refused)
    }

    @Test("A read holds what is behind it back until its answer, so that one of a connection is in flight")
    func reads() throws {
        let frames = [
            #"{"type":"history","id":"h"}"#, #"{"type":"history","inbox":true,"id":"h"}"#,
            #"{"type":"users","id":"h"}"#,
        ]
        for frame in frames {
            let (worker, chat) = try scene()
            chat.receive(frame)
            #expect(chat.isWaiting)
            guard case .member(_, .readAnswer(let answer))? = worker.sent.last?.message else {
                Issue.record("no answer to \(frame)")
                continue
            }
            #expect(String(decoding: answer.payload, as: UTF8.self).contains(#""id":"h""#))
        }
    }

    @Test("A history answer has half of what may wait for a connection")
    func historyBytes() throws {
        let (worker, chat) = try scene(["SEND_QUEUE_BYTES": "20000"])
        for number in 0..<10 {
            let content = String(repeating: "x", count: 5_000)
            chat.receive(#"{"type":"message","id":"\#(number)","content":"\#(content)"}"#)
        }
        worker.endTurn()
        chat.receive(#"{"type":"history"}"#)
        guard case .member(_, .readAnswer(let answer))? = worker.sent.last?.message else {
            Issue.record("no answer")
            return
        }
        #expect(answer.length > 10_000 && answer.length <= 20_000)
    }

    @Test("The 20th bad frame in a row closes, the 19th does not, and a good one resets the count")
    func badFrames() throws {
        let (_, chat) = try scene()
        for _ in 0..<19 { chat.receive("no JSON") }
        #expect(chat.closes.isEmpty && chat.badFrames == 19)
        chat.receive(#"{"type":"ping"}"#)
        #expect(chat.badFrames == 0)
        for _ in 0..<19 { chat.receive(#"{"type":"?"}"#) }
        #expect(chat.closes.isEmpty)
        chat.receive("[]")
        #expect(chat.closes.map(\.code) == [.policyViolation])
        #expect(chat.takeTexts().filter { $0.contains(#""type":"error""#) }.count == 39)
    }

    @Test("The burst is twice the rate; what is over it is refused with a time, and a flood closes")
    func rates() throws {
        let (worker, chat) = try scene(["MESSAGES_PER_SECOND": "2"])
        for number in 0..<4 { chat.receive(#"{"type":"message","id":"\#(number)","content":1}"#) }
        worker.endTurn()
        #expect(chat.takeTexts().allSatisfy { $0.contains(#""type":"ack""#) })
        chat.receive(#"{"type":"message","id":"over","content":1}"#)
        let refused = chat.takeTexts()
        #expect(refused.count == 1 && refused[0].contains(#""code":"rate_limited""#))
        #expect(refused[0].contains("retry_ms") && refused[0].contains(#""id":"over""#) && chat.closes.isEmpty)
        // Frames without a token go on.
        chat.receive(#"{"type":"ping","t":1}"#)
        #expect(chat.takeTexts().first?.contains(#""type":"pong""#) == true)
        chat.isFlooding = true
        chat.receive(#"{"type":"message","content":1}"#)
        #expect(chat.closes.map(\.code) == [.flooding])
    }

    @Test("Pings, acks of the inbox and bad frames have a bucket of their own, of the same size")
    func upkeepRates() throws {
        let (worker, chat) = try scene(["MESSAGES_PER_SECOND": "2"])
        let frames = [
            #"{"type":"ping","t":1}"#, "no JSON", #"{"type":"inbox_ack","epoch":"e","seq":1}"#,
            #"{"type":"ping","t":2}"#,
        ]
        for frame in frames { chat.receive(frame) }
        #expect(chat.takeTexts().allSatisfy { !$0.contains("rate_limited") } && chat.badFrames == 0)
        for frame in frames + ["[]"] {
            chat.receive(frame)
            let texts = chat.takeTexts()
            #expect(texts.count == 1 && texts[0].contains(#""code":"rate_limited""#), "\(frame)")
            #expect(texts[0].contains("retry_ms"))
        }
        // A refused frame is no bad one, and messages go on.
        #expect(chat.badFrames == 0)
        for number in 0..<4 { chat.receive(#"{"type":"message","id":"\#(number)","content":1}"#) }
        worker.endTurn()
        let acks = chat.takeTexts()
        #expect(!acks.isEmpty && acks.allSatisfy { $0.contains(#""type":"ack""#) } && chat.closes.isEmpty)
        chat.isFlooding = true
        chat.receive(#"{"type":"ping"}"#)
        #expect(chat.closes.map(\.code) == [.flooding])
    }

    @Test("Who has more than its share of an overload is refused, by user and by address, and others are not")
    func heaviest() throws {
        let (worker, chat) = try scene()
        chat.source = Client(address: IPAddress(v4: 0xC000_0201), isKnown: true)
        let owner = try #require(worker.rooms.open(Identifier(unchecked: "room")))
        let other = FakeMember(worker.core, 2, info: worker.info("bob", 2))
        _ = other.delivery.open(owner.id, owner: owner)
        other.enter(owner.id, isURLRoom: true)
        worker.overload(by: 1, user: "ann", besides: 2)
        for _ in 0..<20 {
            chat.receive(#"{"type":"message","id":"m","content":1}"#)
            chat.receive(#"{"type":"ping"}"#)
            other.receive(#"{"type":"message","content":1}"#)
        }
        worker.endTurn()
        let texts = chat.takeTexts()
        let refused = texts.filter { $0.contains(#""code":"rate_limited""#) }
        #expect(refused.count > 5 && refused.count == worker.core.counters.count(.heaviest))
        #expect(refused.allSatisfy { $0.contains("retry_ms") && $0.contains(#""id":"m""#) })
        #expect(texts.filter { $0.contains(#""type":"pong""#) }.count == 20 && chat.closes.isEmpty)
        #expect(!other.takeTexts().contains { $0.contains("rate_limited") })
    }

    @Test("At heavy what the tier suspends is refused, and what it keeps goes on")
    func suspended() throws {
        let (worker, chat) = try scene()
        worker.core.load.adopt(.of(.heavy), reason: "test", worker.core.configuration, at: worker.core.loop.now)
        for frame in [
            #"{"type":"typing","typing":true}"#, #"{"type":"signal","name":"s"}"#, #"{"type":"history"}"#,
            #"{"type":"users"}"#,
        ] {
            chat.receive(frame)
            let texts = chat.takeTexts()
            #expect(texts.count == 1 && texts[0].contains(#""code":"feature_suspended""#), "\(frame)")
            #expect(texts.first?.contains(#""retry_ms":"#) == true)
        }
        chat.receive(#"{"type":"message","id":"m","content":1}"#)
        worker.endTurn()
        #expect(chat.takeTexts().first?.contains(#""type":"ack""#) == true)
        let most = worker.core.load.limits.messageBytesMax
        for (length, isTaken) in [(most - 2, true), (most - 1, false)] {
            chat.receive(#"{"type":"message","content":"\#(String(repeating: "a", count: length))"}"#)
            worker.endTurn()
            let texts = chat.takeTexts()
            #expect(texts.count == 1 && texts[0].contains(isTaken ? #""type":"ack""# : #""code":"too_large""#))
        }
        #expect(worker.core.counters.shedCount(.typing) == 2)
    }

    @Test("A signal may be as large as the tier lets messages be")
    func largeSignal() throws {
        let (worker, chat) = try scene()
        var tiers = ResourceTiers(all: .normal)
        tiers[.memory] = .moderate
        worker.core.load.adopt(.of(tiers), reason: "test", worker.core.configuration, at: worker.core.loop.now)
        let most = worker.core.load.limits.messageBytesMax
        for (length, isTaken) in [(most - 2, true), (most - 1, false)] {
            chat.receive(#"{"type":"signal","name":"s","data":"\#(String(repeating: "a", count: length))"}"#)
            #expect(chat.takeTexts().contains { $0.contains(#""code":"too_large""#) } == !isTaken)
        }
    }

    @Test("Questions go to the room's home")
    func questions() throws {
        let (worker, chat) = try scene()
        chat.receive(#"{"type":"history","id":"h"}"#)
        chat.receive(#"{"type":"users","id":"u"}"#)
        let answers = worker.takeTexts(1)
        #expect(answers.count == 2 && answers[0].contains(#""id":"h""#) && answers[1].contains(#""id":"u""#))
    }

    @Test("In the echo phase each message comes back as it came")
    func echo() throws {
        let (_, chat) = try scene()
        for text in ["", "hello"] {
            Array(text.utf8).withUnsafeBytes { EchoPhase(on: chat).received(.binary, $0) }
            #expect(chat.takeTexts() == [text])
        }
    }
}
