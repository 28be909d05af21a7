import ClusterState
import Core
import Rooms
import TestSupport
import Testing

@testable import Gateway

@Suite("Nodes that follow one room's shared log")
struct ReplicaDriverTests {
    /// A room on one node, as its members see it.
    private final class Room: ReplicaObserver {
        let node: Int
        var entries: [SeenEntry] = []
        var epoch = ""
        /// The epoch and seq of the entry before the next one.
        var reached: UInt64 = 0
        var seen: [[UInt8]: Int] = [:]
        var acked: [[UInt8]: Position] = [:]
        var local: Set<[UInt8]> = []
        var faults: [String] = []
        /// Entries that did not come because the store does not keep them, by epochs.
        var passed: [(epoch: String, seqs: ClosedRange<UInt64>)] = []

        init(node: Int) { self.node = node }

        var seenEntries: [SeenEntry] { entries }

        func opened(epoch: String, isNew: Bool, oldestBefore: UInt64) {
            if isNew {
                entries = []
                reached = oldestBefore
            }
            self.epoch = epoch
        }

        func caughtUp() {}

        func answered() {}

        func wentAway() {}

        func committed(_ arrival: ReplicaLog.PlacedEntry) {
            let (body, seq, own) = (arrival.entry.body, arrival.entry.seq, arrival.own)
            let isSeen = arrival.isSeen
            if seq != reached + 1 { faults.append("\(seq) follows \(reached) in \(epoch)") }
            reached = seq
            entries.append(SeenEntry(seq: seq, body: body))
            if let own, case .request = own.author {
                if acked.updateValue(Position(epoch: epoch, seq: seq), forKey: own.body) != nil {
                    faults.append("acked twice: \(String(decoding: own.body, as: UTF8.self))")
                }
            }
            if !isSeen, own?.isProvisional != true { deliver(body) }
        }

        func skipped(to seq: UInt64) { faults.append("skipped to \(seq)") }

        func lost(upTo seq: UInt64) { faults.append("lost up to \(seq)") }

        func passedUnstored(upTo seq: UInt64) {
            guard seq > reached else { return faults.append("passed \(seq) behind \(reached)") }
            passed.append((epoch, reached + 1...seq))
            reached = seq
        }

        func held(like body: [UInt8]) -> ReplicaLog.Held? {
            entries.last { MessageKey.areSame($0.body, body) }.map { ReplicaLog.Held(seq: $0.seq, time: nil) }
        }

        func repeatedWaiting(_ submission: Submission, of waiting: Submission) {
            if !local.contains(waiting.body), waiting.isProvisional { faults.append("nobody saw what waits") }
            acked[submission.body] = Position(epoch: "", seq: 0)
        }

        func provisional(_ submission: Submission) {
            if !local.insert(submission.body).inserted { faults.append("provisional twice") }
            deliver(submission.body)
        }

        func deleted() { faults.append("nobody deletes here") }

        func repeated(_ submission: Submission, first: Position, time: Int) {
            acked[submission.body] = first
        }

        private func deliver(_ body: [UInt8]) {
            seen[body, default: 0] += 1
            if seen[body] != 1 { faults.append("delivered twice: \(String(decoding: body, as: UTF8.self))") }
        }
    }

    /// Nobody publishes presence or notices here.
    private final class Silence: PresenceObserver, NoticeObserver {
        func presenceHeard(_ change: RoomPresence.Change?) { Issue.record("presence was heard") }
        func presenceRead() { Issue.record("presence was read") }
        func noticed(_ notice: ClusterNotice) { Issue.record("a notice was heard") }
    }

    private final class World {
        let cluster: SimulatedCluster
        var rooms: [Room] = []
        var drivers: [ReplicaDriver] = []
        /// They bring nothing but the log here.
        private var channels: [LogChannel] = []
        private let silence = Silence()
        /// Loop milliseconds: it goes on by a look each.
        private var now = 0
        var random: SplitMix64
        var submitted: [[UInt8]: (node: Int, id: String)] = [:]
        /// The same ids by nodes, in their order, so that a seed always gives the same run.
        private var ids: [[String]]
        /// Whether nodes have only a sample of what they send stored, now and then.
        let samples: Bool
        /// Of each node, one of how many messages is stored.
        private var storedOneOf: [Int]
        /// All that was ever published, by epochs.
        private(set) var published: [String: [UInt64: LogCommit.Entry]] = [:]
        private var epochs = 0
        private var messages = 0

        init(seed: UInt64, nodes: Int, samples: Bool = false) {
            random = SplitMix64(seed: seed)
            self.samples = samples
            storedOneOf = Array(repeating: 1, count: nodes)
            ids = Array(repeating: [], count: nodes)
            cluster = SimulatedCluster(nodes: nodes + 1)
            cluster.links[nodes].subscribe(LogKeys(room: Identifier(unchecked: "room")).channel) { [unowned self] in
                guard case .message(let payload) = $0, let heard = LogCommit.publication(payload) else { return }
                for entry in heard.entries { published[heard.epoch, default: [:]][entry.seq] = entry }
            }
            for node in 0..<nodes {
                let room = Room(node: node)
                rooms.append(room)
                let questions = LogQuestions(
                    keys: LogKeys(room: Identifier(unchecked: "room")), store: cluster.links[node],
                    limits: .init(dedupeMilliseconds: 1_000_000, keptMilliseconds: 1_000_000),
                    terms: LogQuestions.Terms(
                        entriesMax: { 100_000 }, storedOneOf: { [unowned self] in storedOneOf[node] },
                        makeID: { [unowned self] in
                            epochs += 1
                            return "e\(epochs)"
                        }), commitLatency: BucketHistogram())
                let driver = ReplicaDriver(questions, isStoreAway: false, observer: room)
                drivers.append(driver)
                channels.append(LogChannel(driver, presence: silence, notices: silence))
                channels[node].open()
            }
        }

        func submit(_ node: Int, repeating: Bool) {
            messages += 1
            var id = "i\(messages)"
            if repeating, let former = ids[node].randomElement(using: &random) { id = former }
            ids[node].append(id)
            let body = Array(#","id":"\#(id)","user":"u\#(node)","content":\#(messages),"ts":\#(messages)}"#.utf8)
            submitted[body] = (node, id)
            _ = drivers[node].submit(
                Submission(
                    user: Identifier(unchecked: "u\(node)"), id: Array(id.utf8), rawID: Array(id.utf8), body: body,
                    time: messages, author: .request(UInt64(messages))), mayKeep: true)
        }

        private func poll(_ driver: ReplicaDriver) {
            now += 2_000 / rooms.count
            driver.poll(at: now)
        }

        /// Of any lane: between lanes there is no order.
        private func runNext(_ link: SimulatedLink) {
            link.runNext(in: link.requestLanes.randomElement(using: &random))
        }
        private func answerNext(_ link: SimulatedLink) {
            link.answerNext(in: link.answerLanes.randomElement(using: &random))
        }

        func disconnect(_ node: Int) {
            guard cluster.links[node].isConnected else { return }
            cluster.links[node].disconnect(running: Int.random(in: 0...3, using: &random))
            drivers[node].storeLost()
        }

        func reconnect(_ node: Int) {
            guard !cluster.links[node].isConnected else { return }
            cluster.links[node].reconnect()
            drivers[node].storeReturned()
        }

        /// The store refuses something on a node's way to it, run or not, a few times in a row.
        private func refuse(_ node: Int) {
            let codes = ["NOREPLICAS", "NOPERM", "BUSY", "LOADING", "OOM", "READONLY", "MISCONF", "WRONGTYPE"]
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                cluster.links[node].refuseNext(
                    codes.randomElement(using: &random) ?? "ERR", isRun: random.next() % 3 == 0)
            }
        }

        /// - Parameters:
        ///   - wipes: whether the store loses everything, now and then, with all its connections.
        ///   - breaks: whether connections break and lose.
        ///   - flushes: whether the store loses everything, and no connection.
        ///   - refuses: whether the store answers with errors, now and then.
        func step(wipes: Bool, breaks: Bool = true, flushes: Bool = false, refuses: Bool = false) {
            let node = Int.random(in: 0..<rooms.count, using: &random)
            let link = cluster.links[node]
            if samples, Int.random(in: 0..<50, using: &random) == 0 {
                storedOneOf[node] = [1, 3, 10].randomElement(using: &random) ?? 1
            }
            while cluster.links[rooms.count].isIdle == false { cluster.links[rooms.count].noticeNext() }
            switch Int.random(in: 0..<200, using: &random) {
            case 0..<30: submit(node, repeating: false)
            case 30..<33: submit(node, repeating: true)
            case 33..<60: drivers[node].flush()
            case 60..<64 where refuses: refuse(node)
            case 60..<100: runNext(link)
            case 100..<140: answerNext(link)
            case 140..<180: link.noticeNext()
            // Between two looks whatever is on its way arrives, as long as nothing breaks.
            case 180 where flushes && random.next() % 8 == 0: cluster.restartEmpty()
            case 180... where !breaks: break
            case 180..<188: poll(drivers[node])
            case 188..<191: link.interruptSubscriptions()
            case 191..<193: disconnect(node)
            case 193..<199: reconnect(node)
            default:
                guard wipes, Int.random(in: 0..<8, using: &random) == 0 else { return }
                for node in rooms.indices { disconnect(node) }
                cluster.restartEmpty()
            }
        }

        /// Lets everything come to its end.
        func settle() {
            for node in rooms.indices { reconnect(node) }
            for _ in 0..<20 {
                for driver in drivers {
                    poll(driver)
                    driver.flush()
                }
                while cluster.links.contains(where: { !$0.isIdle }) {
                    for link in cluster.links {
                        runNext(link)
                        answerNext(link)
                        link.noticeNext()
                    }
                    for driver in drivers { driver.flush() }
                }
            }
        }
    }

    /// Checks of every room when all came to its end, with samples or without.
    private func expectAgreement(_ world: World, _ comment: Comment) {
        let first = world.rooms[0]
        var entries: [UInt64: [UInt8]] = [:]
        for room in world.rooms {
            #expect(room.faults == [], "\(comment), node \(room.node)")
            #expect(room.epoch == first.epoch && room.reached == first.reached, comment)
            #expect(world.drivers[room.node].log.submissions.count == 0, comment)
            for entry in room.entries {
                #expect(entries.updateValue(entry.body, forKey: entry.seq) ?? entry.body == entry.body, comment)
            }
            // Nobody gives up what is stored, and nobody passes in silence over what is not.
            for (epoch, seqs) in room.passed {
                let published = seqs.map { world.published[epoch]?[$0]?.isStored }
                #expect(published.allSatisfy { $0 == false }, "\(comment): \(epoch) \(seqs)")
            }
        }
        let ids = entries.values.compactMap { world.submitted[$0].map { "\($0.node) \($0.id)" } }
        #expect(Set(ids).count == entries.count, "\(comment): an id was committed twice")
        for (body, sent) in world.submitted {
            #expect(world.rooms[sent.node].acked[body] != nil, "\(comment): \(sent) was not acked")
        }
    }

    @Test(
        "With samples, all agree and say what they have not, whatever breaks", arguments: 1...25 as ClosedRange<UInt64>,
        [false, true])
    func sampledAgreement(seed: UInt64, wipes: Bool) {
        let world = World(seed: seed, nodes: 3, samples: true)
        for _ in 0..<3_000 { world.step(wipes: wipes) }
        world.settle()
        expectAgreement(world, "seed \(seed), wipes \(wipes)")
        let unstored = world.published.values.joined().count { !$0.value.isStored }
        #expect(unstored > 0, "seed \(seed): nothing was sampled")
    }

    @Test(
        "As long as nothing breaks, everybody gets everything live, stored or not",
        arguments: 1...25 as ClosedRange<UInt64>, [false, true])
    func sampledDelivery(seed: UInt64, flushes: Bool) {
        let world = World(seed: seed, nodes: 3, samples: true)
        for _ in 0..<3_000 { world.step(wipes: false, breaks: false, flushes: flushes) }
        world.settle()
        expectAgreement(world, "seed \(seed), flushes \(flushes)")
        let ids = Set(world.submitted.values.map { "\($0.node) \($0.id)" })
        for room in world.rooms {
            #expect(room.passed.isEmpty, "seed \(seed), flushes \(flushes), node \(room.node)")
            let seen = room.seen.keys.compactMap { world.submitted[$0].map { "\($0.node) \($0.id)" } }
            #expect(Set(seen) == ids && seen.count == ids.count, "seed \(seed), flushes \(flushes), node \(room.node)")
        }
    }

    @Test(
        "All agree when the store refuses anything, with samples or without",
        arguments: 1...60 as ClosedRange<UInt64>, [false, true])
    func refusedAgreement(seed: UInt64, samples: Bool) {
        let world = World(seed: seed, nodes: 3, samples: samples)
        for _ in 0..<3_000 { world.step(wipes: seed % 2 == 0, refuses: true) }
        world.settle()
        expectAgreement(world, "seed \(seed), samples \(samples)")
    }

    @Test("All agree, whatever breaks", arguments: 1...60 as ClosedRange<UInt64>, [false, true])
    func agreement(seed: UInt64, wipes: Bool) {
        let world = World(seed: seed, nodes: 3)
        for _ in 0..<3_000 { world.step(wipes: wipes) }
        world.settle()
        let first = world.rooms[0]
        for room in world.rooms {
            #expect(room.faults == [], "seed \(seed), wipes \(wipes), node \(room.node)")
            #expect(room.epoch == first.epoch, "seed \(seed), wipes \(wipes)")
            let (shorter, longer) = room.entries.count < first.entries.count ? (room, first) : (first, room)
            #expect(
                shorter.entries.map(\.body) == longer.entries.suffix(shorter.entries.count).map(\.body),
                "seed \(seed), wipes \(wipes)")
            #expect(world.drivers[room.node].log.submissions.count == 0, "seed \(seed), wipes \(wipes)")
        }
        // Once each, none lost: of each id the first body, and whoever sent it was notified.
        let ids = first.entries.map { world.submitted[$0.body].map { "\($0.node) \($0.id)" } }
        #expect(Set(ids).count == ids.count, "seed \(seed), wipes \(wipes): an id was committed twice")
        let wanted = Set(world.submitted.values.map { "\($0.node) \($0.id)" })
        #expect(Set(ids.compactMap { $0 }) == wanted, "seed \(seed), wipes \(wipes): something was lost")
        for (body, sent) in world.submitted {
            #expect(world.rooms[sent.node].acked[body] != nil, "seed \(seed), wipes \(wipes): \(sent) was not acked")
        }
    }
}
