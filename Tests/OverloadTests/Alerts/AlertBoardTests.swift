import Overload
import TestSupport
import Testing

@Suite("Alerts")
struct AlertBoardTests {
    private var board = AlertBoard(at: 1_000_000)
    private var now = 1_000_000

    /// The changes that a reading brings, a second after the one before.
    private mutating func next(_ change: (inout AlertReading) -> Void) -> [Alert.Change] {
        var reading = AlertReading()
        reading.connectionsMax = 1_000
        change(&reading)
        now += 1_000
        return board.sampled(reading, at: now, unix: now)
    }

    @Test("names are there once")
    func names() {
        #expect(Set(Alert.allCases.map { "\($0.name)" }).count == Alert.allCases.count)
    }

    @Test("connections near the cap: on from 90 %, over below 85 %, published once each way")
    mutating func connections() {
        #expect(next { $0.connections = 899 } == [])
        #expect(next { $0.connections = 900 } == [Alert.Change(.connectionsNearCap, isActive: true, value: 0.9)])
        let since = now
        #expect(next { $0.connections = 1_000 } == [])
        #expect(board.active == [Alert.Active(.connectionsNearCap, value: 1, since: since)])
        #expect(next { $0.connections = 850 } == [])
        #expect(next { $0.connections = 849 } == [Alert.Change(.connectionsNearCap, isActive: false, value: 0.849)])
        #expect(board.active == [])
        #expect(next { $0.connections = 899 } == [])
    }

    @Test("refusals: over 1 % of at least 500 messages in the last minute, over below 0.5 %")
    mutating func errors() {
        #expect(next { ($0.messages, $0.refused) = (499, 6) } == [])
        let raised = next { ($0.messages, $0.refused) = (500, 6) }
        #expect(raised == [Alert.Change(.errorShare, isActive: true, value: 0.012)])
        #expect(next { ($0.messages, $0.refused) = (1_200, 6) } == [], "exactly 0.5 %")
        #expect(next { ($0.messages, $0.refused) = (1_201, 6) }.map(\.isActive) == [false])
        #expect(next { ($0.messages, $0.refused) = (1_300, 13) } == [], "exactly 1 %")
        #expect(next { ($0.messages, $0.refused) = (1_300, 14) }.map(\.isActive) == [true])
        // A minute later nobody says anything any more.
        var changes: [Alert.Change] = []
        for _ in 0..<61 { changes += next { ($0.messages, $0.refused) = (1_300, 14) } }
        #expect(changes.map(\.alert) == [.errorShare] && changes.map(\.isActive) == [false])
    }

    @Test("what was a minute ago counts no more")
    mutating func window() {
        _ = next { _ in }
        #expect(next { ($0.messages, $0.refused) = (1_000, 500) }.map(\.isActive) == [true])
        var messages = 1_000
        var ended: Int?
        for second in 1...70 {
            messages += 100
            if next({ ($0.messages, $0.refused) = (messages, 500) }) != [] { ended = second }
        }
        #expect(ended == 60)
    }

    @Test("a lost Redis: on until all that was kept is there")
    mutating func store() {
        #expect(next { $0.store = .returning } == [])
        #expect(
            next { ($0.store, $0.outboxMessages) = (.lost, 7) }
                == [Alert.Change(.redisLost, isActive: true, value: 7)])
        #expect(next { $0.store = .returning } == [])
        #expect(next { $0.store = .here } == [Alert.Change(.redisLost, isActive: false, value: 0)])
    }

    @Test("the tier: on at heavy, over at moderate")
    mutating func tier() {
        #expect(next { $0.tier = .moderate } == [])
        #expect(next { $0.tier = .heavy } == [Alert.Change(.tierHeavy, isActive: true, value: 3)])
        #expect(next { $0.tier = .moderate } == [Alert.Change(.tierHeavy, isActive: false, value: 2)])
    }

    @Test("slow readers: ten in a minute, over at one")
    mutating func slowReaders() {
        #expect(next { $0.slowReadersClosed = 9 } == [])
        #expect(
            next { $0.slowReadersClosed = 10 } == [Alert.Change(.slowReaders, isActive: true, value: 10)])
        var changes: [Alert.Change] = []
        for _ in 0..<60 { changes += next { $0.slowReadersClosed = 10 } }
        #expect(changes == [Alert.Change(.slowReaders, isActive: false, value: 1)])
    }

    @Test("several at once stand in their own order")
    mutating func several() {
        _ = next { $0.tier = .heavy }
        _ = next { ($0.tier, $0.store, $0.connections) = (.heavy, .lost, 1_000) }
        #expect(board.active.map(\.alert) == [.connectionsNearCap, .redisLost, .tierHeavy])
    }

    @Test("however readings move, changes of one alert alternate and agree with what is on")
    mutating func alternation() {
        for seed in 1...20 as ClosedRange<UInt64> {
            var random = SplitMix64(seed: seed)
            (board, now) = (AlertBoard(at: 0), 0)
            var isOn: Set<Alert> = []
            var (messages, refused, slow) = (0, 0, 0)
            for _ in 0..<2_000 {
                messages += Int(random.next() % 60)
                refused += Int(random.next() % 8) == 0 ? 3 : 0
                slow += Int(random.next() % 4) == 0 ? 1 : 0
                let (part, tier, store) = (random.next() % 1_001, random.next() % 4, random.next() % 3)
                let changes = next {
                    ($0.messages, $0.refused, $0.slowReadersClosed) = (messages, refused, slow)
                    $0.connections = Int(part)
                    $0.tier = Tier(rawValue: Int(tier))!
                    $0.store = [.here, .returning, .lost][Int(store)]
                }
                for change in changes {
                    #expect(isOn.contains(change.alert) != change.isActive, "seed \(seed)")
                    if change.isActive { isOn.insert(change.alert) } else { isOn.remove(change.alert) }
                }
                #expect(Set(board.active.map(\.alert)) == isOn, "seed \(seed)")
            }
        }
    }
}
