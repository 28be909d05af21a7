import Core
import Rooms
import WireProtocol

// The connection as its opening phase and its chat phase use it.
extension Connection: OpeningTransport, ChatTransport, EchoTransport {
    @inline(__always)
    var core: WorkerCore { table.core }
    var delivery: LocalDelivery<Connection> { table.delivery }

    var wantsEcho: Bool { flags.contains(.wantsEcho) }
    @inline(__always)
    var isDeflateAgreed: Bool { flags.isDeflateAgreed }
    var windowBits: Int { flags.windowBits }
    var isCounted: Bool {
        get { flags.contains(.isCounted) }
        set { flags.set(.isCounted, newValue) }
    }

    func isMember(of members: LocalMembers<Connection>) -> Bool { memberships.contains(members) }
    func moved(in members: LocalMembers<Connection>, to index: Int) { memberships.moved(in: members, to: index) }
    func openMembers(of room: Identifier) -> LocalMembers<Connection> { table.openMembers(of: room) }

    func beginChat(as info: ConnectionInfo) {
        phase = .chat(info)
        isInRounds = true
        endWait()
    }

    // MARK: Sending

    /// Queues a frame for the end of the turn. A reader whose queue is over the limit from earlier turns is closed at
    /// the end of this one.
    @inline(__always)
    func deliver(_ frame: FrameSlice) {
        send(frame)
        if isBlocked, queuedBytes > core.load.limits.sendQueueBytesMax, !flags.contains(.isSlow) {
            flags.insert(.isSlow)
            core.slowReaders.append(self)
        }
    }

    /// As `deliver`, at the end of a turn, for frames of a room: at once when the connection is in no other room from
    /// which more may come.
    @inline(__always)
    func deliverLast(_ frame: FrameSlice) {
        if memberships.isURLRoomAlone, sendNow(frame) { return }
        deliver(frame)
    }
}
