import Core
import Rooms

@testable import Gateway

/// All that must hold when a simulation has come to its end: one history for all, nothing lost, everything answered.
struct SimulationCheck {
    private struct Entry: Equatable, CustomStringConvertible {
        let seq: UInt64
        let id: String
        var description: String { "\(seq) \(id)" }
    }

    private struct History: Equatable, CustomStringConvertible {
        let position: Position
        let entries: [Entry]
        var description: String { "\(position.epoch) \(position.seq) \(entries)" }
    }

    private let simulation: Simulation
    private(set) var violations: [String] = []
    /// Messages that a client never saw, after the store had lost something.
    private(set) var missed = 0

    init(_ simulation: Simulation) {
        self.simulation = simulation
        for client in simulation.clients {
            checkAnswers(client)
            checkNumbers(client)
        }
        for room in simulation.clients[0].rooms {
            guard let history = checkAgreement(room) else { continue }
            checkLosses(history, room)
            for client in simulation.clients { check(client, history, room) }
        }
    }

    // MARK: Answers

    private mutating func checkAnswers(_ client: SimulatedClient) {
        for (room, ids) in client.pending where !ids.isEmpty {
            violations.append("waits: \(client.name) got no answer to \(ids) in \(room)")
        }
        for room in client.rooms where !client.isJoined(room) {
            violations.append("waits: \(client.name) is not in \(room): \(history)")
        }
        for (room, view) in client.views where !view.unconfirmed.isEmpty {
            violations.append("waits: \(client.name) got no confirm of \(view.unconfirmed) in \(room)")
        }
    }

    /// A close frame waits for answers by their number.
    private mutating func checkNumbers(_ client: SimulatedClient) {
        guard let connection = client.connection else { return }
        if connection.unansweredCount > 0 {
            violations.append("answers: \(client.name) waits for \(connection.unansweredCount) more answers")
        }
        if connection.wasAnsweredTwice { violations.append("answers: \(client.name) got two to one message") }
    }

    // MARK: One history

    private func history(of node: SimulatedNode, _ room: String) -> History? {
        guard let owner = node.rooms.find(Identifier(unchecked: room)) else { return nil }
        let entries = owner.room.bodies.map { Entry(seq: $0.seq, id: KeptMessage($0.body)?.rawText ?? "?") }
        return History(
            position: Position(epoch: owner.room.log.epoch, seq: owner.room.log.newestSeq), entries: entries)
    }

    private mutating func checkAgreement(_ room: String) -> History? {
        var first: History?
        for node in simulation.nodes {
            guard let history = history(of: node, room) else { continue }
            let (ids, waiting) = (history.entries.map(\.id), node.rooms.find(Identifier(unchecked: room)))
            if Set(ids).count != ids.count { violations.append("once: an id stands twice in \(history)") }
            if waiting?.sequencer.provisionalMessages.isEmpty == false {
                violations.append("waits: node \(node.number) keeps messages in \(room)")
            }
            if let first, first != history {
                violations.append("agreement in \(room): node \(node.number) has \(history), another one \(first)")
            }
            first = first ?? history
        }
        return first
    }

    // MARK: Losses

    /// All that was acked, or seen at its place, is in the history, unless nobody held it when the store lost it. The
    /// nodes of the simulation do not end, so that what one of them keeps is held.
    private mutating func checkLosses(_ history: History, _ room: String) {
        let ids = Set(history.entries.map(\.id))
        for client in simulation.clients {
            guard let view = client.views[room] else { continue }
            let known = view.kept.union(view.places.keys).union(view.acked.keys).subtracting(simulation.unheld)
            for id in known.subtracting(ids).sorted() {
                let places = (view.places[id] ?? []) + [view.acked[id]].compactMap { $0 }
                violations.append("lost: \(id), which \(client.name) had at \(places), is not in \(room): \(history)")
            }
        }
    }

    private mutating func check(_ client: SimulatedClient, _ history: History, _ room: String) {
        guard let view = client.views[room], let since = view.since else { return }
        if view.position != history.position {
            violations.append(
                "view: \(client.name) stands at \(String(describing: view.position)) in \(room), "
                    + "the history at \(history.position)")
        }
        for entry in history.entries where view.places[entry.id] == nil && view.acked[entry.id] == nil {
            guard let sent = sentAt(entry.id), sent > since else { continue }
            // A position does not say of which of two histories of its epoch it is.
            guard simulation.losses.isEmpty else {
                missed += 1
                continue
            }
            violations.append("lost: \(client.name) never saw \(entry.id) in \(room)")
        }
    }

    private func sentAt(_ id: String) -> Int? { simulation.clients.lazy.compactMap { $0.sentAt[id] }.first }
}
