import Core
import Rooms
import WireProtocol

@testable import Gateway

/// A connection without a socket, for its opening and its chat phase: keeps what it was sent, and how it was closed.
final class FakeMember: OpeningTransport, ChatTransport, EchoTransport {
    let core: WorkerCore
    /// The core does not keep what takes its messages.
    private let homes: (any WorkerMessageReceiver)?
    let key: UInt64
    let delivery: LocalDelivery<FakeMember>
    /// Its opening phase, which has its facts until the chat begins.
    var opening: OpeningPhase?
    private var chatInfo: ConnectionInfo?
    var windowBits = 0
    var memberships = RoomMemberships<FakeMember>()
    var isCounted = false
    var queuedBytes = 0
    var badFrames: UInt8 = 0
    var rate = RateLimiter()
    var unansweredCount: UInt32 = 0
    let closeReason: CloseReason? = nil
    var grant: TokenGrant?
    /// When the timer fires.
    private(set) var timer: Int?
    var upkeep = Upkeep()
    var wantsEcho = false
    var isDeflateAgreed: Bool { windowBits > 0 }
    var firstCut: Int32 = -1
    var source = Client.own
    /// Whether a refused frame makes a flood.
    var isFlooding = false
    /// nil: input does not wait.
    var wait: KeptInput?
    private(set) var hasHeartbeat = false
    private(set) var isChatting = false
    private(set) var closes: [CloseReason] = []
    private var texts: [String] = []

    init(_ core: WorkerCore, _ key: UInt64, info: ConnectionInfo? = nil) {
        self.core = core
        homes = core.receiver
        self.key = key
        chatInfo = info
        let found = Found()
        delivery = LocalDelivery(core, find: { [found] in found.member?.key == $0 ? found.member : nil })
        found.member = self
    }

    private final class Found { weak var member: FakeMember? }

    // MARK: For tests

    var isWaiting: Bool { wait != nil }
    var info: ConnectionInfo? { chatInfo ?? opening?.info }
    var rooms: [String] { memberships.rooms.map(\.text) }
    var isInURLRoomAlone: Bool { memberships.isURLRoomAlone }

    /// It leaves everything, and with that its phase.
    func leave(atOnce: Bool) {
        leaveEverything(atOnce: atOnce)
        (opening, chatInfo) = (nil, nil)
    }

    /// A client's frame comes.
    func receive(_ text: String) { Array(text.utf8).withUnsafeBytes { ChatPhase(on: self).received($0) } }

    /// Takes the texts that were sent since the last call.
    func takeTexts() -> [String] {
        defer { texts = [] }
        return texts
    }

    // MARK: Transport

    func deliver(_ frame: FrameSlice) { texts.append(String(decoding: frame.payload, as: UTF8.self)) }
    func deliverLast(_ frame: FrameSlice) { deliver(frame) }
    func send(_ slice: FrameSlice) { deliver(slice) }
    func isMember(of members: LocalMembers<FakeMember>) -> Bool { memberships.contains(members) }
    func moved(in members: LocalMembers<FakeMember>, to index: Int) { memberships.moved(in: members, to: index) }
    func openMembers(of room: Identifier) -> LocalMembers<FakeMember> { delivery.open(room, owner: nil) }
    func beginWait() { wait = wait ?? KeptInput(for: .answer, at: 0) }
    func endWait() { if !ChatPhase(on: self).beginOrder() { wait = nil } }
    func beginHeartbeat() { hasHeartbeat = true }
    func beginChat(as info: ConnectionInfo) {
        chatInfo = info
        isChatting = true
        endWait()
    }
    func schedule(at time: Int) { timer = time }
    func countRefusal() -> Bool { isFlooding }
    func close(_ reason: CloseReason) {
        closes.append(reason)
        leave(atOnce: reason.leavesAtOnce)
    }
}
