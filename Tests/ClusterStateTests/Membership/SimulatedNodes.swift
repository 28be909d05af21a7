import TestSupport

@testable import ClusterState

/// Nodes of one cluster and the store between them, under seeded faults: nodes die, leave, stand still and lose their
/// connections; the store stands still, loses all and has its clock put forward or back.
struct SimulatedNodes {
    static let heartbeat = 1_000
    static let expiry = 3_000
    /// Longer than any fault and what follows from it: a stall, a wait to reconnect, the grace, an expiry.
    static let calm = 25_000
    private static let step = 50

    struct Node {
        let boot: String
        var membership: ClusterMembership
        var state = NodeRecord.State.up
        var isAlive = true
        var pausedUntil = 0
        var brokenUntil = 0
        /// The last time at which something was wrong with it.
        var troubledAt: Int
        /// A beat under way: sent, and what the store answered, if it was run.
        var sent: (at: Int, operation: StoreOperation)?
        var answer: Beat.Answer?
        /// Whom its events have named and not yet taken back.
        var known: Set<String> = []
        /// When its last beat, or its departure, was run, and the beat before that.
        var beatAt: Int
        var formerBeatAt: Int
        var hasLeft = false
        /// When the store was asked last by somebody who then declared it gone; and when it learned of that.
        var goneAt = 0
        var forgottenAt = 0
    }

    private(set) var now = 0
    private(set) var nodes: [Node] = []
    private(set) var faults: [String] = []
    private(set) var departures = 0
    private var store = MemoryStore(boot: "0") { 0 }
    private let clock = Clock()
    private var stalledUntil = 0
    private var troubledAt = 0
    private var random: SplitMix64

    /// The store's clock, in microseconds.
    private final class Clock { var time = 1_700_000_000_000_000 }

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
        empty()
    }

    private mutating func empty() {
        let clock = clock
        store = MemoryStore(boot: "0") { clock.time }
    }

    private mutating func chance(_ perMinute: Double) -> Bool {
        Double.random(in: 0..<60_000, using: &random) < perMinute * Double(Self.step)
    }

    private func isPaused(_ node: Node) -> Bool { node.pausedUntil > now }
    private func isBroken(_ node: Node) -> Bool { node.brokenUntil > now }

    // MARK: One step

    /// - Parameter isCalm: no new fault.
    mutating func run(isCalm: Bool) {
        now += Self.step
        clock.time += Self.step * 1_000
        if !isCalm { disturb() }
        if stalledUntil > now { troubledAt = now }
        for index in nodes.indices.shuffled(using: &random) where nodes[index].sent != nil { execute(index) }
        for index in nodes.indices.shuffled(using: &random) { act(index) }
    }

    private mutating func disturb() {
        if nodes.filter(\.isAlive).count < 5, chance(20) { start() }
        if chance(2) { stalledUntil = now + Int.random(in: 100...8_000, using: &random) }
        if chance(1) {
            empty()
            troubledAt = now
        }
        if chance(1) {
            clock.time += Int.random(in: -20_000...20_000, using: &random) * 1_000
            troubledAt = now
        }
        for index in nodes.indices where nodes[index].isAlive {
            if chance(1) { nodes[index].isAlive = false }
            if chance(1) { leave(index) }
            if chance(1) { nodes[index].state = .draining }
            if chance(1) { nodes[index].pausedUntil = now + Int.random(in: 100...8_000, using: &random) }
            if chance(2) {
                nodes[index].brokenUntil = now + Int.random(in: 0...Backoff.lastMilliseconds, using: &random)
                lose(index)
            }
            if isPaused(nodes[index]) || isBroken(nodes[index]) { nodes[index].troubledAt = now }
        }
    }

    private mutating func start() {
        let boot = "b\(nodes.count)"
        let membership = ClusterMembership(
            node: boot, boot: boot, heartbeatMilliseconds: Self.heartbeat, expiryMilliseconds: Self.expiry, at: now)
        nodes.append(Node(boot: boot, membership: membership, troubledAt: now, beatAt: now, formerBeatAt: now))
    }

    private func record(_ node: Node) -> NodeRecord {
        NodeRecord(
            node: node.boot, boot: node.boot, address: "h:1", state: node.state, startedAt: 0, connections: 0,
            tier: "normal", lastSeenAt: 0)
    }

    private mutating func leave(_ index: Int) {
        nodes[index].isAlive = false
        guard stalledUntil <= now, !isBroken(nodes[index]) else { return }
        nodes[index].hasLeft = true
        nodes[index].beatAt = now
        nodes[index].sent = nil
        store.perform(
            Beat.operation(boot: nodes[index].boot, record: nil, isPublished: true, expiryMilliseconds: Self.expiry)
        ) { _ in }
    }

    /// The connection ends: a beat on its way is lost, before or behind the store.
    private mutating func lose(_ index: Int) {
        if Bool.random(using: &random) { execute(index) }
        nodes[index].answer = nil
        if nodes[index].sent != nil { nodes[index].membership.beatFailed() }
        nodes[index].sent = nil
        nodes[index].membership.storeLost()
    }

    private mutating func execute(_ index: Int) {
        guard stalledUntil <= now, nodes[index].answer == nil, let sent = nodes[index].sent else { return }
        var answer: Beat.Answer?
        store.perform(sent.operation) { result in
            if case .success(let reply) = result { answer = Beat.answer(reply) }
        }
        nodes[index].answer = answer
        nodes[index].formerBeatAt = nodes[index].beatAt
        nodes[index].beatAt = now
    }

    private mutating func act(_ index: Int) {
        guard nodes[index].isAlive, !isPaused(nodes[index]) else { return }
        if let answer = nodes[index].answer {
            nodes[index].answer = nil
            nodes[index].sent = nil
            let events = nodes[index].membership.beatAnswered(answer, at: now, unixNow: now)
            for event in events { check(event, at: index) }
            checkView(index)
        }
        if let sent = nodes[index].sent, now - sent.at > StoreHealth.degradedMilliseconds {
            nodes[index].membership.storeLost()
        }
        guard now % 250 == 0, nodes[index].membership.ticked(at: now) else { return }
        let operation = nodes[index].membership.beat(record(nodes[index]), at: now)
        if isBroken(nodes[index]) {
            nodes[index].membership.beatFailed()
        } else {
            nodes[index].sent = (now, operation)
        }
    }

    // MARK: The model

    private func node(_ boot: String) -> Node? { nodes.first { $0.boot == boot } }

    private func isCalm(_ node: Node) -> Bool {
        now - max(node.troubledAt, troubledAt) > Self.calm
    }

    private mutating func check(_ event: ClusterMembership.Event, at index: Int) {
        switch event {
        case .up(let record), .draining(let record): nodes[index].known.insert(record.boot)
        case .suspect(let record):
            if !nodes[index].known.contains(record.boot) { faults.append("\(now): suspect before it was up") }
        case .returned(let record):
            if nodes[index].known.contains(record.boot) { faults.append("\(now): back, and was not gone") }
        case .gone(let record, let departure):
            departures += 1
            if departure == .silent, let gone = nodes.firstIndex(where: { $0.boot == record.boot }) {
                nodes[gone].goneAt = max(nodes[gone].goneAt, nodes[index].beatAt)
            }
            if nodes[index].known.remove(record.boot) == nil { faults.append("\(now): gone twice") }
            guard let other = node(record.boot) else { return faults.append("\(now): an unknown one has gone") }
            if departure == .left {
                if !other.hasLeft { faults.append("\(now): \(other.boot) has not left") }
                return
            }
            // Whatever the store did: one with which nothing was wrong is not gone.
            if other.isAlive, now - other.troubledAt > Self.calm { faults.append("\(now): \(other.boot) is alive") }
            // What was run behind the question can't be in the answer.
            let beatAt = other.beatAt < nodes[index].beatAt ? other.beatAt : other.formerBeatAt
            if now - troubledAt > Self.calm, now - beatAt <= Self.expiry {
                faults.append("\(now): \(other.boot) was heard of \(now - beatAt) ms ago")
            }
        case .sameName: faults.append("\(now): no name is used twice")
        case .forgotten:
            nodes[index].forgottenAt = now
            if isCalm(nodes[index]) { faults.append("\(now): forgotten without a reason") }
        }
    }

    private mutating func checkView(_ index: Int) {
        let view = nodes[index].membership.nodes
        if Set(view.map(\.boot)) != nodes[index].known { faults.append("\(now): events and view differ") }
        guard isCalm(nodes[index]) else { return }
        if nodes[index].goneAt > nodes[index].forgottenAt { faults.append("\(now): was gone, and has not learned it") }
        for record in view {
            guard let other = node(record.boot) else { continue }
            // A beat, and the grain of ticks.
            let bound = other.hasLeft ? Self.heartbeat + 400 : Self.expiry + Self.heartbeat
            if !other.isAlive, now - other.beatAt > bound {
                faults.append("\(now): \(other.boot) is still there after \(now - other.beatAt) ms")
            }
            if other.isAlive, now - other.troubledAt > Self.calm, record.state == .suspect {
                faults.append("\(now): \(other.boot) is suspect")
            }
        }
        for other in nodes where other.isAlive && now - other.troubledAt > Self.calm && other.boot != nodes[index].boot
        {
            if !view.contains(where: { $0.boot == other.boot }) { faults.append("\(now): \(other.boot) is missing") }
        }
    }
}
