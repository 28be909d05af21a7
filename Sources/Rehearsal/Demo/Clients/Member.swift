import NetworkIO
import Toolkit
import WireProtocol

/// A message that a member wants committed.
struct Said {
    let id: String
    /// The user to whom it goes directly; nil: to the room.
    let receiver: String?
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
    private var nextNumber = 1
    private var inboxEpoch = ""

    private(set) var roomView = HistoryView()
    private(set) var inboxView = HistoryView()
    /// Messages that were sent and not acked, in order.
    private(set) var unacked: [Said] = []
    /// In the room, on the present connection.
    private(set) var isIn = false
    /// The connection has ended and nobody here has ended it.
    private(set) var isLost = false
    /// The first thing that no scene asks for: an error of the node's, a connection that ended.
    private(set) var fault: String?

    // What frames have said.
    private(set) var localAcks = 0
    private(set) var provisionalCount = 0
    private(set) var confirmedCount = 0
    /// Of the last `joined_room`.
    private(set) var missed = 0
    private(set) var isRecovered = false
    /// Of the last `welcome`: directs that waited.
    private(set) var pending = 0
    /// The user's other devices, as was said last: by device, whether it is online.
    private(set) var otherDevices: [String: Bool] = [:]
    private(set) var pongs = 0

    /// Whether it comes back by itself when a node ends its connection; otherwise that is a fault.
    var comesBack = false
    /// Messages that came for it so far, of the room and of its inbox.
    var receivedCount: Int { roomView.count + inboxView.count }

    init(_ user: String, device: String, deviceType: String? = nil, room: String, node: NodeProcess, stage: Stage) {
        self.user = user
        self.device = device
        self.deviceType = deviceType
        self.room = room
        self.node = node
        self.stage = stage
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
        let said = Said(id: MessageID.text(sender: "\(user)/\(device)", number: nextNumber), receiver: receiver)
        nextNumber += 1
        unacked.append(said)
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
            confirmedCount += frame.entries.count
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
        pending = frame.pending
        roomView.connected()
        inboxView.connected()
    }

    private func joined(_ frame: NodeFrame) {
        if roomView.epoch.isEmpty { roomView.joined(epoch: frame.epoch, newest: frame.seq ?? 0) }
        (missed, isRecovered, isIn) = (frame.missed, frame.isRecovered, true)
        for said in unacked { send(said) }
    }

    private func takeMessage(_ frame: NodeFrame) {
        if let seq = frame.seq {
            roomView.shown(frame.id, epoch: frame.epoch, seq: seq)
        } else {
            provisionalCount += 1
            roomView.shownProvisionally(frame.id)
        }
    }

    private func takeDirect(_ frame: NodeFrame) {
        inboxEpoch = frame.epoch
        inboxView.shown(frame.id, epoch: nil, seq: frame.seq ?? 0)
    }

    private func takeAck(_ frame: NodeFrame) {
        guard let index = unacked.firstIndex(where: { $0.id == frame.id }) else {
            // Both of two sendings may be acked.
            if !frame.isDuplicate { found("\(node.name) acked \(frame.id) twice") }
            return
        }
        let said = unacked.remove(at: index)
        guard frame.durable == (frame.seq == nil ? "local" : "redis") else {
            return found("\(node.name) acked \(frame.id) as \"\(frame.durable)\"")
        }
        guard let seq = frame.seq else {
            localAcks += 1
            return
        }
        // The ack of a direct message has the place in the receiver's inbox.
        guard said.receiver == nil else { return }
        roomView.acked(frame.id, epoch: frame.epoch, seq: seq, isRepeated: frame.isDuplicate)
    }
}
