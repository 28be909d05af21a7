import NetworkIO
import Toolkit
import WireProtocol

/// How a node received a member that came in.
struct Entrance {
    /// Messages that follow, since the position with which it came (`joined_room`).
    var missed = 0
    /// Whether the node had all of them (`joined_room`).
    var isRecovered = false
    /// Directs that waited (`welcome`).
    var pending = 0
}

/// An outage of Redis as one member sees it, counted over all of its connections.
struct OutageCounts {
    /// Acks of messages that the node keeps until Redis is back.
    var localAcks = 0
    /// Deliveries of messages without a place.
    var provisional = 0
    /// Messages, its own and others', that got their place afterwards.
    var confirmed = 0
}

/// One device of a user, as an app would be: it sends again, under the same ids, what was not acked, and comes back
/// with the position that it had.
final class Member: ChatClientDelegate {
    /// For the connect and the handshake together.
    private static let handshakeMilliseconds = 5000

    let user: String
    let device: String
    private let deviceType: String?
    private let room: String
    private let stage: Stage

    /// Where it is connected, or was last.
    private(set) var node: NodeProcess
    private var link: ChatClient?
    private var inboxEpoch = ""

    private(set) var roomView = HistoryView()
    private(set) var inboxView = HistoryView()
    private var messages: UnackedMessages
    /// In the room, on the present connection.
    private(set) var isIn = false
    /// The connection has ended and nobody here has ended it.
    private(set) var isLost = false
    /// The first thing that no scene asks for: an error of the node's, a connection that ended.
    private(set) var fault: String?

    // What frames have said.
    private(set) var outage = OutageCounts()
    /// The last one.
    private(set) var entrance = Entrance()
    /// The user's other devices, as was said last: by device, whether it is online.
    private(set) var otherDevices: [String: Bool] = [:]
    private(set) var pongs = 0

    /// Whether it comes back by itself when a node ends its connection; otherwise that is a fault.
    var comesBack = false
    /// Messages that were sent and not acked, in order.
    var unacked: [Said] { messages.list }
    /// Messages that came for it so far, of the room and of its inbox.
    var receivedCount: Int { roomView.count + inboxView.count }

    init(_ user: String, device: String, deviceType: String? = nil, room: String, node: NodeProcess, stage: Stage) {
        self.user = user
        self.device = device
        self.deviceType = deviceType
        self.room = room
        self.node = node
        self.stage = stage
        messages = UnackedMessages(sender: "\(user)/\(device)")
    }

    // MARK: The connection

    /// Connects to a node, with the position from before when there is one.
    func connect(to node: NodeProcess) throws {
        self.node = node
        (isLost, isIn) = (false, false)
        guard let address = node.address else { throw SceneFault("\(node.name) was never started") }
        let seat = ChatSeat(
            room: room, user: user, device: device, deviceType: deviceType,
            since: roomView.epoch.isEmpty ? nil : (roomView.epoch, roomView.last))
        link = try ChatClient(
            seat, at: address, host: address.text, timeoutMilliseconds: Self.handshakeMilliseconds, loop: stage.loop,
            delegate: self)
    }

    /// Breaks the connection as a lost network does: without a word.
    func cut() {
        let former = link
        link = nil
        isIn = false
        former?.reset()
    }

    /// Ends the connection with a close handshake.
    func leave() {
        isIn = false
        link?.close(.normal)
    }

    /// Whether there is no connection, nor one that is ending.
    var isGone: Bool { link == nil }

    func closed(_ link: ChatClient, _ end: WebSocketClientEnd) {
        guard link === self.link else { return }
        self.link = nil
        isIn = false
        if case .closed(code: 1000, _) = end { return }
        isLost = true
        if !comesBack { found("\(user) lost the connection to \(node.name): \(end)") }
    }

    // MARK: Sending

    /// Sends a message: now, or when the room is joined.
    /// - Parameter receiver: the user to whom it goes directly; nil: to the room.
    func say(to receiver: String? = nil) -> Said {
        let said = messages.add(to: receiver)
        if isIn { send(said) }
        return said
    }

    private func send(_ said: Said) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("type", said.receiver == nil ? "message" : "direct")
        if let receiver = said.receiver {
            writer.member("to", receiver)
        }
        writer.member("id", said.id)
        writer.member("content", "This is \(said.id).")
        writer.endObject()
        link?.send(text: writer.bytes)
    }

    /// Says that all that came of the inbox is processed.
    func ackInbox() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("type", "inbox_ack")
        writer.member("epoch", inboxEpoch)
        writer.member("seq", inboxView.last)
        writer.endObject()
        link?.send(text: writer.bytes)
    }

    /// Asks for an answer, before which all has come that is on its way.
    func ping() {
        Array(#"{"type":"ping"}"#.utf8).withUnsafeBytes { link?.send(text: $0) }
    }

    // MARK: What nodes say

    func received(_ text: UnsafeRawBufferPointer, on link: ChatClient) {
        let frame = NodeFrame(text)
        switch frame.type {
        case "welcome": welcomed(frame)
        case "joined_room": joined(frame)
        case "message": takeMessage(frame)
        case "direct": takeDirect(frame)
        case "ack": takeAck(frame)
        case "confirm":
            outage.confirmed += frame.entries.count
            for entry in frame.entries { roomView.confirmed(entry.id, epoch: frame.epoch, seq: entry.seq) }
        case "gap" where frame.isOfInbox: inboxView.gapSaid(epoch: frame.epoch, next: frame.nextSeq)
        case "gap": roomView.gapSaid(epoch: frame.epoch, next: frame.nextSeq)
        case "device": otherDevices[frame.device] = frame.isOnline
        case "pong": pongs += 1
        case "error": found("\(node.name) answered \(user) with the error \(frame.code)")
        default: break
        }
    }

    private func found(_ fault: String) { self.fault = self.fault ?? fault }

    private func welcomed(_ frame: NodeFrame) {
        entrance.pending = frame.pending
        roomView.connected()
        inboxView.connected()
    }

    private func joined(_ frame: NodeFrame) {
        if roomView.epoch.isEmpty { roomView.joined(epoch: frame.epoch, newest: frame.seq ?? 0) }
        entrance.missed = frame.missed
        entrance.isRecovered = frame.isRecovered
        isIn = true
        for said in unacked { send(said) }
    }

    private func takeMessage(_ frame: NodeFrame) {
        if let seq = frame.seq {
            roomView.shown(frame.id, epoch: frame.epoch, seq: seq)
        } else {
            outage.provisional += 1
            roomView.shownProvisionally(frame.id)
        }
    }

    private func takeDirect(_ frame: NodeFrame) {
        inboxEpoch = frame.epoch
        inboxView.shown(frame.id, epoch: nil, seq: frame.seq ?? 0)
    }

    private func takeAck(_ frame: NodeFrame) {
        guard let said = messages.acked(frame.id) else {
            // Both of two sendings may be acked.
            if !frame.isDuplicate { found("\(node.name) acked \(frame.id) twice") }
            return
        }
        guard frame.durable == (frame.seq == nil ? "local" : "redis") else {
            return found("\(node.name) acked \(frame.id) as \"\(frame.durable)\"")
        }
        guard let seq = frame.seq else {
            outage.localAcks += 1
            return
        }
        // The ack of a direct message has the place in the receiver's inbox.
        guard said.receiver == nil else { return }
        roomView.acked(frame.id, epoch: frame.epoch, seq: seq, isRepeated: frame.isDuplicate)
    }
}
