import Core
import Rooms
import TestSupport

@testable import Gateway

/// A client that behaves as the contract says: it comes with its positions, sends what was not answered again, and goes
/// to any node.
final class SimulatedClient {
    let name: String
    let user: String
    let rooms: [String]
    let wantsEcho: Bool
    private(set) var connection: SimulatedConnection?
    private(set) var views: [String: RoomView] = [:]
    /// Its own messages without an answer, by rooms, in the order of sending.
    private(set) var pending: [String: [String]] = [:]
    /// Those that were sent at all, by ids: when, in simulated milliseconds.
    private(set) var sentAt: [String: Int] = [:]
    /// When it came to which node.
    private(set) var stays: [(at: Int, node: Int)] = []
    private(set) var violations: [String] = []
    private var messages = 0

    /// - Parameter position: where it stands in its rooms; nil: it is new.
    init(_ number: Int, user: Int, rooms: [String], wantsEcho: Bool, position: Position? = nil) {
        (name, self.user, self.rooms, self.wantsEcho) = ("c\(number)", "u\(user)", rooms, wantsEcho)
        for room in rooms { (views[room], pending[room]) = (RoomView(hasEcho: wantsEcho, position: position), []) }
    }

    var isConnected: Bool { connection != nil }
    func isJoined(_ room: String) -> Bool { connection != nil && views[room]?.isJoined == true }
    var isAnswered: Bool { pending.values.allSatisfy(\.isEmpty) }

    /// Whether it was with several nodes in a time, or knows things of before it from one that it left then.
    func crossed(_ span: ClosedRange<Int>) -> Bool {
        let first = stays.lastIndex { $0.at < span.lowerBound } ?? 0
        return Set(stays[first...].prefix { $0.at <= span.upperBound }.map(\.node)).count > 1
    }

    // MARK: Connections

    func connect(to node: SimulatedNode, key: UInt64, at now: Int) {
        let opening = Opening(
            room: Identifier(unchecked: rooms[0]), user: Identifier(unchecked: user),
            device: Identifier(unchecked: name), deviceType: nil, position: views[rooms[0]]?.position)
        views[rooms[0]]?.connected()
        let connection = SimulatedConnection(node, key: key, opening, wantsEcho: wantsEcho)
        self.connection = connection
        stays.append((now, node.number))
        connection.begin()
    }

    /// Goes without a word.
    /// - Parameter sent: how many of its last frames still arrive.
    func drop(arriving sent: Int) {
        connection?.sever(arriving: sent)
        ended()
    }

    private func ended() {
        connection = nil
        for room in rooms { views[room]?.ended() }
    }

    /// Notices that the node has closed.
    func checkConnection() { if connection?.isOver == true { ended() } }

    // MARK: Frames

    /// Takes the next frame; its text.
    /// - Parameter isLedBlindly: nobody may know of which of two histories its position is.
    func take(at now: Int, isLedBlindly: Bool) -> String? {
        guard let bytes = connection?.takeOutput() else { return nil }
        guard let frame = ServerFrame(bytes) else {
            violations.append("frame: \(String(decoding: bytes, as: UTF8.self))")
            return nil
        }
        if let room = frame.room, let view = views[room] {
            take(frame, room, at: now, isLedBlindly)
            if frame.type == "joined_room", !view.isJoined { joined(room) }
        } else if frame.type == "error" {
            violations.append("error: \(frame.text)")
        }
        return frame.text
    }

    private func take(_ frame: ServerFrame, _ room: String, at now: Int, _ isLedBlindly: Bool) {
        views[room]?.took(frame, at: now, isLedBlindly: isLedBlindly)
        switch frame.type {
        case "ack": pending[room]?.removeAll { $0 == frame.id }
        case "error": violations.append("error: \(frame.text)")
        default: break
        }
    }

    private func joined(_ room: String) {
        if room == rooms[0] {
            for other in rooms.dropFirst() {
                let position = views[other]?.position
                views[other]?.connected()
                let since = position.map { #","since":\#($0.seq),"epoch":"\#($0.epoch)""# } ?? ""
                connection?.send(#"{"type":"join","room":"\#(other)"\#(since)}"#)
            }
        }
        for id in pending[room] ?? [] { send(id, to: room) }
    }

    // MARK: Sending

    func say(in room: String, at now: Int) {
        messages += 1
        let id = "\(name)-\(messages)"
        sentAt[id] = now
        pending[room]?.append(id)
        send(id, to: room)
    }

    /// Sends one of its last messages again, answered or not.
    func repeatMessage(in room: String, _ random: inout SplitMix64) {
        guard let id = views[room]?.acked.keys.sorted().randomElement(using: &random) else { return }
        pending[room]?.append(id)
        send(id, to: room)
    }

    /// Sends its first message again.
    func repeatFirst(in room: String) {
        pending[room]?.append("\(name)-1")
        send("\(name)-1", to: room)
    }

    private func send(_ id: String, to room: String) {
        guard isJoined(room) else { return }
        connection?.send(#"{"type":"message","room":"\#(room)","id":"\#(id)","content":"\#(id)"}"#)
    }

    func askHistory(of room: String) {
        guard isJoined(room) else { return }
        connection?.send(#"{"type":"history","room":"\#(room)","id":"h"}"#)
    }
}
