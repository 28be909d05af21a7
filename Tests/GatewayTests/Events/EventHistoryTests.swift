import Core
import Logging
import NetworkIO
import Overload
import Testing

@testable import Gateway

@Suite("Events of a node")
struct EventHistoryTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test(
        "each kind has its fields",
        arguments: [
            (
                SystemEvent.tier(TierChange(from: .normal, to: .light, reason: "cpu", at: 5)),
                #"{"at":7,"node":"n","from":"normal","to":"light","reason":"cpu"}"#
            ),
            (.mode(from: .cluster, to: .degraded), #"{"at":7,"node":"n","from":"cluster","to":"degraded"}"#),
            (.node("m", .suspect), #"{"at":7,"node":"m","state":"suspect","seen_by":"n"}"#),
            (
                .lock(Identifier(unchecked: "a\"b"), token: 3, .lost),
                #"{"at":7,"node":"n","name":"a\"b","event":"lost","token":3}"#
            ),
            (
                .alert(Alert.Change(.errorShare, isActive: true, value: 0.0123)),
                #"{"at":7,"node":"n","name":"error_share","active":true,"value":0.012}"#
            ),
        ])
    func fields(event: SystemEvent, data: String) {
        var history = EventHistory(node: "n", boot: "b")
        let entry = history.add(event, at: 7)
        #expect(entry.number == 1)
        #expect(text(entry.bytes) == "id: b-1\nevent: \(event.name)\ndata: \(data)\n\n")
    }

    @Test("a name can't end the line")
    func lines() {
        var history = EventHistory(node: "a\nb\r", boot: "b")
        let made = text(history.add(.node("c\nd", .up), at: 1).bytes)
        #expect(made.split(separator: "\n").count == 3 && !made.contains("\r"))
    }

    @Test("who comes back gets what came after, within what is kept")
    func missed() {
        var history = EventHistory(node: "n", boot: "b")
        for number in 1...EventHistory.countMax + 10 { _ = history.add(.node("\(number)", .up), at: 1) }
        let newest = EventHistory.countMax + 10
        #expect(history.newest == newest)
        #expect(history.missed(since: nil) == [])
        #expect(history.missed(since: "b-\(newest)") == [])
        #expect(history.missed(since: "b-\(newest - 2)").map(\.number) == [newest - 1, newest])
        #expect(history.missed(since: "b-10").map(\.number) == Array(11...newest))
        #expect(history.missed(since: "b-3").count == EventHistory.countMax, "what is gone is gone")
        for foreign in ["c-\(newest)", "b", "b-", "b-x", "b-1-2", "", "-"] {
            #expect(history.missed(since: foreign).count == EventHistory.countMax, "\(foreign)")
        }
    }

    @Test("the present state has the newest event's place, and takes none")
    func present() {
        var history = EventHistory(node: "n", boot: "b")
        _ = history.add(.node("m", .up), at: 1)
        let made = history.present(.mode(from: .single, to: .single), at: 2)
        #expect(text(made).hasPrefix("id: b-1\nevent: mode\n") && history.newest == 1)
        #expect(history.missed(since: "b-0").count == 1)
    }

    @Test("workers are notified in the order of the numbers, and only when somebody listens")
    func publishing() throws {
        let context = try Self.context()
        context.publish(.mode(from: .single, to: .cluster))
        #expect(context.mailboxes.allSatisfy { $0.takeAll().isEmpty })
        context.events.streamCount.store(1, ordering: .relaxed)
        context.publish(.mode(from: .cluster, to: .degraded))
        context.publish(.mode(from: .degraded, to: .cluster))
        #expect(context.mailboxes.allSatisfy { $0.takeAll().count == 2 })
        #expect(context.events.history.withLock { $0.missed(since: "") }.map(\.number) == [1, 2, 3])
    }

    @Test("who begins to listen learns how things are")
    func presentState() throws {
        let context = try Self.context()
        context.governor.withLock { $0.tiers = ResourceTiers(all: .light) }
        context.alerts.withLock { $0 = [Alert.Active(.tierHeavy, value: 3, since: 1)] }
        let present = context.presentEvents
        #expect(present.count == 3)
        guard case .tier(let tier) = present[0] else { return #expect(Bool(false), "\(present)") }
        #expect(tier.from == .light && tier.to == .light)
        #expect(present[1] == .mode(from: .single, to: .single))
        #expect(present[2] == .alert(Alert.Change(.tierHeavy, isActive: true, value: 3)))
    }

    private static func context() throws -> NodeContext {
        let configuration = try Configuration.load(environment: ["WORKERS": "2"], dotEnv: "", cores: 1)
        return NodeContext(
            configuration: configuration, nodeID: "n", port: 1,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, connectionsMax: 1, openFilesMax: 1,
            startedAt: 0)
    }
}
