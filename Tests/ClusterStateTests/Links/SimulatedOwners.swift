import Core
import TestSupport

@testable import ClusterState

/// Nodes that share the links of a cluster, and the store between them, under seeded faults: nodes die, end, stand
/// still and lose their connections; requests are run late, answers are lost; the store loses all that it has.
struct SimulatedOwners {
    static let timing = LinkShare.Timing(check: 2_000, timeout: 8_000)
    /// Longer than any fault and what follows from it: links move by a tenth a minute.
    static let calm = 900_000
    static let step = 200

    struct Node {
        let boot: String
        let name: String
        var share: LinkShare
        var isAlive = true
        var pausedUntil = 0
        var brokenUntil = 0
        /// A request under way: when it reaches the store, and when the answer, if any, reaches the node.
        var sent: (operation: StoreOperation, runsAt: Int, endsAt: Int)?
        var answer: StoreReply?
        var held: [Identifier: Int] = [:]
    }

    private(set) var now = 0
    private(set) var nodes: [Node] = []
    private(set) var faults: [String] = []
    private(set) var takeOvers = 0
    private(set) var wipes = 0
    private let links: Int
    private let nodesMax: Int
    private var tokens: [Identifier: Int] = [:]
    private var store = MemoryStore(boot: "0") { 0 }
    private let clock = Clock()
    private var boots = 0
    private var random: SplitMix64

    /// The store's clock, in microseconds.
    private final class Clock { var time = 1_700_000_000_000_000 }

    init(seed: UInt64, nodes: Int, links: Int) {
        random = SplitMix64(seed: seed)
        self.links = links
        nodesMax = nodes
        wipe()
        define()
        for index in 0..<nodes { start(named: "n\(index)") }
    }

    private mutating func wipe() {
        let clock = clock
        wipes += 1
        store = MemoryStore(boot: String(wipes, radix: 16)) { clock.time }
    }

    /// Makes the links that are not there, as an operator would.
    private func define() {
        for index in 0..<links {
            let id = Identifier(unchecked: "l\(index)")
            var definition = LinkDefinition(id: id, name: "Link \(index)", url: "ws://h/\(index)", room: nil)
            definition.partition = Self.isKept(id) ? .keep : .close
            let text = definition.text
            let words = ["operator", "0", "8000", "\(LinkLimits.linksMax)", id.text, "absent"].map { Array($0.utf8) }
            store.perform(.script(LinkScripts.define, keys: LinkKeys.all, arguments: words + [text])) { _ in }
        }
    }

    /// One of four goes on through partitions, and may be held twice meanwhile.
    private static func isKept(_ id: Identifier) -> Bool { id.text.utf8.last.map { $0 % 4 == 3 } ?? false }

    private mutating func start(named name: String) {
        boots += 1
        let share = LinkShare(boot: "b\(boots)", node: name, timing: Self.timing, weight: 10, at: now)
        nodes.append(Node(boot: "b\(boots)", name: name, share: share))
    }

    private mutating func chance(_ perMinute: Double) -> Bool {
        Double.random(in: 0..<60_000, using: &random) < perMinute * Double(Self.step)
    }

    // MARK: One step

    /// - Parameter isCalm: no new fault.
    mutating func run(isCalm: Bool) {
        now += Self.step
        clock.time += Self.step * 1_000
        if !isCalm { disturb() }
        check()
        for index in nodes.indices.shuffled(using: &random) where nodes[index].isAlive { exchange(index) }
        for index in nodes.indices.shuffled(using: &random) where nodes[index].isAlive { act(index, isCalm: isCalm) }
        check()
    }

    /// Ends the faults: whoever was killed is started again, and the operator makes what is lost.
    mutating func calmDown() {
        for index in nodes.indices { (nodes[index].pausedUntil, nodes[index].brokenUntil) = (now, now) }
        while nodes.count(where: \.isAlive) < nodesMax { start(named: "again\(boots)") }
        define()
    }

    private mutating func disturb() {
        if chance(1) { wipe() }
        if nodes.count(where: \.isAlive) < nodesMax, chance(10) { start(named: "n\(boots)") }
        for index in nodes.indices where nodes[index].isAlive {
            if chance(0.8) { nodes[index].isAlive = false }
            if chance(0.5) { record(nodes[index].share.drain(at: now), index) }
            if chance(2) { nodes[index].pausedUntil = now + Int.random(in: 0..<30_000, using: &random) }
            if chance(2) { nodes[index].brokenUntil = now + Int.random(in: 0..<30_000, using: &random) }
        }
    }

    /// The store runs what has reached it, also of a node that died or stands still since.
    private mutating func exchange(_ index: Int) {
        guard let sent = nodes[index].sent else { return }
        if now >= sent.runsAt, nodes[index].answer == nil {
            let box = Box()
            store.perform(sent.operation) { if case .success(let reply) = $0 { box.reply = reply } }
            nodes[index].answer = box.reply ?? .null
        }
    }

    private final class Box { var reply: StoreReply? }

    private mutating func act(_ index: Int, isCalm: Bool) {
        guard nodes[index].pausedUntil <= now else { return }
        record(nodes[index].share.ticked(at: now), index)
        if let sent = nodes[index].sent, now >= sent.endsAt {
            let isLost = nodes[index].brokenUntil > now
            let reply = isLost ? nil : nodes[index].answer
            (nodes[index].sent, nodes[index].answer) = (nil, nil)
            record(nodes[index].share.answered(reply, at: now), index)
        }
        if nodes[index].share.hasLeft { nodes[index].isAlive = false; return }
        guard nodes[index].sent == nil else { return }
        let (operation, events) = nodes[index].share.request(at: now)
        record(events, index)
        guard let operation else { return }
        let isSlow = !isCalm && Int.random(in: 0..<20, using: &random) == 0
        let runsAt = now + (isSlow ? Int.random(in: 0..<4_000, using: &random) : 0)
        let isCut = nodes[index].brokenUntil > now && Bool.random(using: &random)
        let endsAt = runsAt + (isSlow ? Int.random(in: 0..<4_000, using: &random) : Self.step)
        nodes[index].sent = (operation, isCut ? .max : runsAt, isCut ? now + 2_000 : endsAt)
    }

    private mutating func record(_ events: [LinkShare.Event], _ index: Int) {
        for event in events {
            switch event {
            case .held(let definition, let token, let former):
                if former != nil { takeOvers += 1 }
                if nodes[index].held[definition.id] != nil {
                    fault("\(nodes[index].boot) holds \(definition.id) twice")
                }
                nodes[index].held[definition.id] = token
            case .dropped(let id, _):
                if nodes[index].held.removeValue(forKey: id) == nil {
                    fault("\(nodes[index].boot) dropped \(id) twice")
                }
                nodes[index].share.closed(id)
            case .changed: break
            }
        }
    }

    private mutating func fault(_ text: String) { faults.append("at \(now) ms: \(text)") }

    // MARK: Rules

    /// Nobody acts for a link beside another one, or under a token below one that was acted under.
    private mutating func check() {
        var actors: [Identifier: String] = [:]
        for node in nodes where node.isAlive {
            for id in node.held.keys where !Self.isKept(id) {
                guard let token = node.share.token(of: id, at: now) else { continue }
                if let other = actors[id] { fault("\(other) and \(node.boot) act for \(id)") }
                actors[id] = node.boot
                if token < tokens[id] ?? 0 { fault("\(node.boot) acts for \(id) under \(token), after \(tokens[id]!)") }
                tokens[id] = max(token, tokens[id] ?? 0)
            }
        }
    }

    /// Links that are held by two, as their owners could not know of each other.
    var keptTwice: Int {
        var holders: [Identifier: Int] = [:]
        for node in nodes where node.isAlive {
            for id in node.held.keys where node.share.token(of: id, at: now) != nil { holders[id, default: 0] += 1 }
        }
        return holders.values.count { $0 > 1 }
    }

    /// Each link has an owner, and no node has more or less than its share by more than a fifth.
    func checkEnd() -> [String] {
        let counts = nodes.filter(\.isAlive).map { node in
            node.held.keys.count { node.share.token(of: $0, at: now) != nil }
        }
        let held = counts.reduce(0, +)
        let even = Double(links) / Double(counts.count)
        let spread = max(1, even * 0.2)
        var wrong: [String] = []
        if keptTwice > 0 { wrong.append("\(keptTwice) links have two owners") }
        if held != links { wrong.append("\(held) of \(links) links have an owner") }
        if counts.contains(where: { abs(Double($0) - even) > spread }) { wrong.append("uneven: \(counts)") }
        return wrong
    }
}
