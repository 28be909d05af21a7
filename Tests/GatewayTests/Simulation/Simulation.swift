import ClusterState
import Core
import Rooms
import TestSupport

@testable import Gateway

/// Several nodes with their real rooms and users over one simulated store, and clients on them, in simulated time: a
/// seed gives the same schedule, the same faults and the same end.
final class Simulation {
    private static let stepsMax = 100
    private static let settlingMilliseconds = 10_000
    private static let movesMax = 60_000
    /// After so long all nodes have followed the copy that won.
    private static let settledMilliseconds = 8_000

    let seed: UInt64
    let faults: Faults
    private(set) var random: SplitMix64
    /// Simulated milliseconds.
    private(set) var now = 1_000_000
    let cluster: SimulatedCluster
    private(set) var nodes: [SimulatedNode] = []
    private(set) var clients: [SimulatedClient] = []
    /// Connections that clients have left, and whose nodes do not know.
    private var left: [SimulatedConnection] = []
    private(set) var violations: [String] = []
    /// Messages that clients missed, or got twice, where nobody could know better once the store had lost something.
    private(set) var missed = 0
    /// Messages that came to a client once more, by the names of the clients.
    var repetitions: [(client: String, RoomView.Repetition)] {
        clients.flatMap { client in client.views.values.flatMap(\.repetitions).map { (client.name, $0) } }
    }
    /// Those of them of which a living node could know, and was in reach when the client was led on.
    var knownRepetitions: [(client: String, RoomView.Repetition)] {
        repetitions.filter { _, repetition in
            !repetition.isBlind && !unheld.contains(repetition.id)
                && !repetition.ledAt.contains { at in silences.contains { $0.contains(at) } }
        }
    }
    /// When nodes could not answer for so long that nobody waited for them any more.
    private var silences: [ClosedRange<Int>] = []
    private var silentSince: [Int: Int] = [:]
    /// The last events.
    private(set) var trace: [String] = []
    private let traceMax: Int
    private var keys: UInt64 = 0
    /// Where the store may have lost something: from and to, simulated milliseconds.
    private(set) var losses: [ClosedRange<Int>] = []
    /// Where one epoch may have had two histories.
    private(set) var branches: [ClosedRange<Int>] = []
    private var splitSince: Int?
    /// Messages that nobody held any more when the store lost them.
    private(set) var unheld: Set<String> = []
    /// Ways that stand still until a time: requests, answers and publications, by nodes.
    private var blocked: [Int: [Int: Int]] = [:]

    init(seed: UInt64, traceMax: Int = 60) throws {
        (self.seed, self.traceMax) = (seed, traceMax)
        random = SplitMix64(seed: seed)
        faults = Faults.any(&random)
        let count = Int.random(in: 2...3, using: &random)
        cluster = SimulatedCluster(nodes: count)
        let rooms = random.next() % 4 == 0 ? ["r", "s"] : ["r"]
        for number in 0..<count {
            nodes.append(try SimulatedNode(number, link: cluster.links[number], at: now))
            cluster.links[number].refused = { [unowned self] in refused($0, $1, number) }
        }
        SimulatedNode.introduce(nodes)
        for number in 0..<Int.random(in: 2...4, using: &random) {
            clients.append(
                SimulatedClient(
                    number, user: Int.random(in: 0...number, using: &random), rooms: rooms,
                    wantsEcho: random.next() % 5 == 0))
        }
        note("seed \(seed): \(count) nodes, \(clients.count) clients, faults \(faults.rawValue)")
    }

    private func note(_ text: String) {
        if trace.count >= 2 * traceMax { trace.removeFirst(traceMax) }
        trace.append("\(now) \(text)")
    }

    /// Runs to the end; what was broken.
    func run() -> [String] {
        for _ in 0..<Self.stepsMax where violations.isEmpty {
            passTime()
            for _ in 0..<Int.random(in: 0...12, using: &random) { _ = move() }
            act()
            if random.next() % 12 == 0 { fault() }
            collectViolations()
        }
        if violations.isEmpty { settle() }
        if violations.isEmpty {
            let check = SimulationCheck(self)
            violations += check.violations
            missed = check.missed
        }
        for node in nodes { node.end() }
        return violations
    }

    private func collectViolations() {
        for client in clients {
            violations += client.violations.map { "\(client.name): \($0)" }
            for room in client.rooms {
                violations += client.views[room]?.violations.map { "\(client.name) in \(room): \($0)" } ?? []
            }
        }
    }

    // MARK: Time

    private func passTime() {
        let span: Int =
            switch random.next() % 20 {
            case 0..<10: Int.random(in: 0...5, using: &random)
            case 10..<16: Int.random(in: 5...50, using: &random)
            case 16..<19: Int.random(in: 50...300, using: &random)
            default: Int.random(in: 500...2500, using: &random)
            }
        passTime(span)
    }

    private func passTime(_ span: Int) {
        let end = now + span
        while now < end {
            now = min(now + 250, end)
            cluster.microseconds = SimulatedCluster.firstMicroseconds + now * 1000
            for node in nodes {
                node.timePassed(to: now)
                noteSilence(of: node)
            }
        }
    }

    private func noteSilence(of node: SimulatedNode) {
        let isBlocked = blocked.values.contains { $0[node.number] ?? 0 > now }
        let isAway = node.frozenUntil > now || node.storeBackAt != nil || !node.link.isConnected
        // A room that is not in step answers nobody.
        if isBlocked || isAway || node.rooms.all.contains(where: \.sequencer.isPending) {
            silentSince[node.number] = silentSince[node.number] ?? now
        } else if let since = silentSince.removeValue(forKey: node.number),
            now - since >= Replication.forkMilliseconds
        {
            silences.append(since + Replication.forkMilliseconds...now + Self.settledMilliseconds)
        }
    }

    // MARK: Ways

    /// All ways there are, of which many have nothing on them.
    private var ways: Int { 3 * nodes.count + clients.count + nodes.reduce(0) { $0 + $1.connections.count } }

    /// Something goes on by one step, from a random way on; false when nothing can.
    private func move() -> Bool {
        let count = ways
        let first = Int.random(in: 0..<count, using: &random)
        for offset in 0..<count where move((first + offset) % count) { return true }
        return false
    }

    private func move(_ way: Int) -> Bool {
        if way < 3 * nodes.count { return move(nodes[way / 3], way % 3) }
        var rest = way - 3 * nodes.count
        if rest < clients.count { return takeOutput(clients[rest]) }
        rest -= clients.count
        for node in nodes {
            if rest < node.connections.count { return takeInput(node.connections[rest], node) }
            rest -= node.connections.count
        }
        return false
    }

    private func move(_ node: SimulatedNode, _ way: Int) -> Bool {
        let link = node.link
        guard blocked[way, default: [:]][node.number] ?? 0 <= now, way == 0 || node.frozenUntil <= now else {
            return false
        }
        switch way {
        case 0:
            guard let lane = link.requestLanes.randomElement(using: &random) else { return false }
            link.runNext(in: lane)
        case 1:
            guard let lane = link.answerLanes.randomElement(using: &random) else { return false }
            link.answerNext(in: lane)
            endTurn(node)
        default:
            guard link.hasNotices else { return false }
            link.noticeNext()
            endTurn(node)
        }
        return true
    }

    private func takeInput(_ connection: SimulatedConnection, _ node: SimulatedNode) -> Bool {
        guard connection.hasInput, node.frozenUntil <= now else { return false }
        connection.takeInput()
        endTurn(node)
        return true
    }

    private func takeOutput(_ client: SimulatedClient) -> Bool {
        guard let connection = client.connection, connection.hasOutput else { return false }
        // What it was sent last lets a replay go on, which is the node's doing.
        guard connection.node.frozenUntil <= now else { return false }
        let isBlind = (splitSince.map { [$0...now] } ?? []) + branches
        let text = client.take(at: now, isLedBlindly: isBlind.contains(where: client.crossed))
        note("\(client.name) at \(connection.node.number) took \(text ?? "")")
        endTurn(connection.node)
        client.checkConnection()
        return true
    }

    /// A turn takes one or several of what comes.
    private func endTurn(_ node: SimulatedNode) { if random.next() % 3 != 0 { node.endTurn() } }

    // MARK: Clients

    private func act() {
        guard let client = clients.randomElement(using: &random) else { return }
        client.checkConnection()
        guard client.isConnected else { return connect(client) }
        guard let room = client.rooms.randomElement(using: &random) else { return }
        switch random.next() % 20 {
        case 0..<11:
            guard client.isJoined(room) || random.next() % 4 == 0 else { return }
            client.say(in: room, at: now)
            note("\(client.name) says in \(room)")
        case 11: client.repeatMessage(in: room, &random)
        case 12: client.askHistory(of: room)
        case 13, 14:
            note("\(client.name) drops")
            client.drop(arriving: Int.random(in: 0...2, using: &random))
        default: break
        }
    }

    private func connect(_ client: SimulatedClient) {
        guard let node = nodes.filter({ $0.frozenUntil <= now }).randomElement(using: &random) else { return }
        keys += 1
        let positions = client.rooms.map { client.views[$0]?.position.map { "\($0.epoch) \($0.seq)" } ?? "nothing" }
        note("\(client.name) comes to \(node.number) with \(positions)")
        client.connect(to: node, key: keys, at: now)
        node.endTurn()
    }

    // MARK: Faults

    /// A node hears that its store is away.
    private func refused(_ refusal: StoreRefusal, _ lane: StoreLane, _ node: Int) {
        guard lane == .commits || refusal.isGeneral else { return }
        note("\(node) goes on without the store: \(refusal.code)")
        nodes[node].storeWentAway(until: now + Int.random(in: 50...2_500, using: &random))
    }

    private func fault() {
        let node = Int.random(in: 0..<nodes.count, using: &random)
        switch Int.random(in: 0..<Faults.count, using: &random) {
        case 0 where faults.contains(.breaks): breakConnection(of: node)
        case 1 where faults.contains(.interruptions) && nodes[node].frozenUntil <= now:
            note("\(node) subscribes anew")
            nodes[node].link.interruptSubscriptions()
            nodes[node].endTurn()
        case 2 where faults.contains(.flushes) && !cluster.isSplit:
            note("the store loses all")
            lose { cluster.restartEmpty() }
        case 3 where faults.contains(.wipes) && !cluster.isSplit:
            note("the store loses all, with its connections")
            for node in nodes.indices { breakConnection(of: node) }
            lose { cluster.restartEmpty() }
        case 4 where faults.contains(.lags) && !cluster.isSplit:
            for node in nodes.indices { breakConnection(of: node) }
            let count = Int.random(in: 1...8, using: &random)
            note("the store loses the last \(count) writes")
            lose { branches.append(cluster.lose(last: count)...now + Self.settledMilliseconds) }
        case 5 where faults.contains(.splits): splitOrHeal()
        case 6 where faults.contains(.refusals): refuse(node)
        case 7 where faults.contains(.losses):
            note("\(node) misses a publication")
            nodes[node].link.loseNotice()
        case 8 where faults.contains(.freezes): freeze(node)
        default: break
        }
    }

    private func breakConnection(of node: Int) {
        guard nodes[node].link.isConnected else { return }
        let back = now + Int.random(in: 10...4_000, using: &random)
        note("\(node) loses its connection to the store")
        nodes[node].link.disconnect(running: Int.random(in: 0...3, using: &random))
        if random.next() % 6 == 0 {
            nodes[node].storeBlinked(until: back)
        } else {
            nodes[node].storeWentAway(until: back)
        }
        nodes[node].endTurn()
    }

    private func lose(_ work: () -> Void) {
        noteUnheld()
        work()
        losses.append(now...now)
    }

    /// Of what clients saw, notes what no node holds: the store's loss of it is final.
    private func noteUnheld() {
        var held: Set<String> = []
        for node in nodes {
            for room in clients[0].rooms {
                guard let owner = node.rooms.find(Identifier(unchecked: room)) else { continue }
                for entry in owner.room.bodies { if let kept = KeptMessage(entry.body) { held.insert(kept.rawText) } }
            }
        }
        for client in clients {
            for view in client.views.values {
                let known = Set(view.places.keys).union(view.acked.keys)
                unheld.formUnion(known.subtracting(held))
            }
        }
    }

    private func splitOrHeal() {
        if let since = splitSince {
            let winner = Int.random(in: 0...1, using: &random)
            note("the split ends, copy \(winner) wins")
            for node in nodes where node.link.copy != winner { breakConnection(of: node.number) }
            noteUnheld()
            cluster.heal(winner: winner)
            losses.append(since...now)
            branches.append(since...now + Self.settledMilliseconds)
            splitSince = nil
        } else {
            let isAside = nodes.map { _ in random.next() % 2 == 0 }
            note("a split: \(isAside)")
            for node in nodes where isAside[node.number] { breakConnection(of: node.number) }
            cluster.split(isAside)
            splitSince = now
        }
    }

    private func refuse(_ node: Int) {
        let link = nodes[node].link
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let code = Faults.refusalCodes.randomElement(using: &random) ?? "ERR"
            note("\(node) is refused: \(code)")
            link.refuseNext(code, isRun: random.next() % 3 == 0, in: link.requestLanes.randomElement(using: &random))
        }
    }

    private func freeze(_ node: Int) {
        let until = now + Int.random(in: 100...6_000, using: &random)
        switch random.next() % 4 {
        case 0:
            note("\(node) stands still until \(until)")
            nodes[node].frozenUntil = until
        case let way: blocked[Int(way) - 1, default: [:]][node] = until
        }
    }

    // MARK: The end

    /// Faults end, and everything comes to its end.
    private func settle() {
        note("faults end")
        if cluster.isSplit { splitOrHeal() }
        blocked = [:]
        for node in nodes { node.frozenUntil = 0 }
        let end = now + Self.settlingMilliseconds
        while now < end, violations.isEmpty {
            passTime(250)
            for client in clients {
                client.checkConnection()
                if !client.isConnected { connect(client) }
            }
            drain()
            collectViolations()
        }
    }

    private func drain() {
        var moves = 0
        repeat {
            for node in nodes { node.endTurn() }
            while move() { moves += 1 }
            for node in nodes { node.endTurn() }
            if moves > Self.movesMax { return violations.append("waits: it never comes to rest") }
        } while move()
    }
}

extension KeptMessage {
    var rawText: String { String(decoding: id, as: UTF8.self) }
}
