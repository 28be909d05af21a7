import NetworkIO
import WireProtocol

/// One connection under load: a member of one room that checks all that comes.
///
/// Kept small, because there are many: no buffer, no timer, no closure of its own.
final class LoadClient: WebSocketClient {
    /// From the end of the handshake until it must be in the room. A server that is out of breath is still waited for.
    private static let joinMilliseconds = 30_000

    /// Counted over all processes.
    let number: UInt32
    private unowned(unsafe) let context: ClientContext
    unowned(unsafe) let room: RoomView
    /// Of those that send.
    let sender: SenderState?
    private(set) var checker = SequenceChecker()
    /// The epoch that the server named last, by the process' number for it.
    private(set) var epoch: UInt32 = 0
    private let dialedAt: Int
    /// In the room, with all that was missed.
    private(set) var isIn = false
    private var hasJoined = false
    private var wasOpened = false
    /// Up to here everything has to come before a returned connection is in.
    private var replayEnd: UInt64 = 0

    /// - Parameter former: the connection whose place this one takes, with its position.
    init(
        number: UInt32, context: ClientContext, room: RoomView, sender: SenderState?, former: LoadClient?,
        to address: SocketAddress, from source: SocketAddress?, securedWith peer: TLSPeer?, request: WebSocketRequest
    ) throws(SystemError) {
        self.number = number
        self.context = context
        self.room = room
        self.sender = sender
        if let former {
            checker = former.checker
            epoch = former.epoch
        }
        dialedAt = Clock.monotonicNanoseconds()
        try super.init(to: address, from: source, securedWith: peer, request: request, loop: context.loop)
    }

    var canSend: Bool { isIn && isOpenForMessages }

    override func received(_ bytes: UnsafeMutableRawBufferPointer) {
        context.meter.arrived(bytes: bytes.count)
        super.received(bytes)
    }

    override func opened() {
        wasOpened = true
        context.meter.opened(after: context.meter.arrival - dialedAt)
        context.delegate?.opened(self)
        loop.schedule(self, at: loop.now + Self.joinMilliseconds)
    }

    override func timerFired() {
        guard isOpenForMessages else { return super.timerFired() }
        if hasJoined { return }
        context.meter.failed("no joined_room within \(Self.joinMilliseconds / 1000) s")
        close(.goingAway)
    }

    override func closed(_ end: WebSocketClientEnd) {
        context.delegate?.closed(self, end, wasOpened: wasOpened, wasIn: isIn)
        isIn = false
    }

    @inline(__always)
    override func received(text: UnsafeRawBufferPointer) {
        if let known = room.shape, known.epoch == epoch, let delivery = known.shape.read(text) {
            return delivered(delivery.seq, delivery.stamp)
        }
        guard ServerFrame.concerns(text) else { return }
        take(ServerFrame(text), text)
    }

    // MARK: Frames

    private func take(_ frame: ServerFrame, _ text: UnsafeRawBufferPointer) {
        switch frame.kind {
        case .message: takeMessage(frame, text)
        case .ack: takeAck(frame)
        case .joinedRoom: takeJoined(frame)
        case .gap: takeGap(frame)
        case .error: takeError(frame)
        case .other: break
        }
    }

    private func takeMessage(_ frame: ServerFrame, _ text: UnsafeRawBufferPointer) {
        guard let seq = frame.seq, let stamp = MessageTemplate.stamp(inContent: frame.content),
            frame.content.count == context.template.contentBytes, isOurs(frame)
        else { return context.meter.corrupted() }
        if let shape = DeliveryShape(text, frame: frame, contentBytes: frame.content.count) {
            room.shape = (shape, epoch)
        }
        delivered(seq, stamp)
    }

    /// Whether a frame is of this room and of the epoch that the server has named.
    private func isOurs(_ frame: ServerFrame) -> Bool {
        var name = room.name
        let isRoom = name.withUTF8 { frame.room.elementsEqual($0) }
        return isRoom && context.epochs.is(frame.epoch, epoch)
    }

    @inline(__always)
    private func delivered(_ seq: UInt64, _ stamp: MessageStamp) {
        context.meter.delivered(after: context.meter.arrival - Int(truncatingIfNeeded: stamp.intendedAt))
        saw(seq, stamp)
    }

    /// Checks a place in the room's order that the server has named.
    @inline(__always)
    private func saw(_ seq: UInt64, _ stamp: MessageStamp) {
        switch checker.saw(seq) {
        case .inOrder: break
        case .hole(let hole): context.missing.add(hole, of: number)
        case .old:
            if context.missing.fill(seq, of: number) {
                return context.meter.misordered()
            }
            return context.meter.duplicated()
        }
        switch room.ledger.saw(seq, sender: stamp.sender, counter: stamp.counter) {
        case .good: break
        case .duplicated: context.meter.duplicated()
        case .misordered: context.meter.misordered()
        case .corrupted: context.meter.corrupted()
        }
        if !isIn { comeInIfComplete() }
    }

    private func takeAck(_ frame: ServerFrame) {
        guard let sender, let seq = frame.seq, let stamp = context.template.stamp(inID: frame.id),
            stamp.sender == number, isOurs(frame)
        else { return context.meter.corrupted() }
        sender.unacked = max(0, sender.unacked - 1)
        context.meter.acked(after: context.meter.arrival - Int(truncatingIfNeeded: stamp.intendedAt))
        context.delegate?.answered(self)
        if room.acked.map({ $0.epoch != epoch || $0.seq < seq }) ?? true { room.acked = (epoch, seq) }
        saw(seq, stamp)
    }

    private func takeJoined(_ frame: ServerFrame) {
        guard let seq = frame.seq else { return context.meter.corrupted() }
        hasJoined = true
        replayEnd = seq
        if epoch == 0 { checker.start(behind: seq) }
        epoch = context.epochs.number(frame.epoch)
        comeInIfComplete()
    }

    private func comeInIfComplete() {
        guard hasJoined, !isIn, checker.last >= replayEnd else { return }
        isIn = true
        context.delegate?.cameIn(self)
    }

    private func takeGap(_ frame: ServerFrame) {
        guard let next = frame.nextSeq, next > 0 else { return context.meter.corrupted() }
        context.meter.sawGap()
        epoch = context.epochs.number(frame.epoch)
        checker.start(behind: next - 1)
        if !isIn { comeInIfComplete() }
    }

    private func takeError(_ frame: ServerFrame) {
        if !frame.id.isEmpty, let sender {
            sender.unacked = max(0, sender.unacked - 1)
            if let wait = frame.retryMilliseconds { sender.notBefore = loop.now + Int(wait) }
        }
        context.meter.refused(String(decoding: frame.code, as: UTF8.self))
        context.delegate?.answered(self)
    }

    /// Up to where this connection has heard the room; nil before the first join.
    var position: (epoch: String, seq: UInt64)? {
        epoch == 0 ? nil : (context.epochs.text(epoch), checker.last)
    }
}
