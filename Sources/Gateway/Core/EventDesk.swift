import ClusterState
import Core
import NetworkIO
import Rooms
import Synchronization
import WireProtocol

/// The events of the node that have not arrived at the operator's server: how many these are, within the node's bounds,
/// and what became of those before. Any thread.
final class EventDesk: Sendable {
    /// Events that wait or are under way.
    static let eventsMax = 500_000
    /// Bytes of these.
    static let bytesMax = 64 * 1024 * 1024

    let mail = Mailbox<EventBatch>()
    private let events = Atomic<Int>(0)
    private let bytes = Atomic<Int>(0)
    private let sent = Atomic<Int>(0)
    private let dropped = Atomic<Int>(0)
    let eventsMax: Int
    let bytesMax: Int

    init(eventsMax: Int = EventDesk.eventsMax, bytesMax: Int = EventDesk.bytesMax) {
        self.eventsMax = eventsMax
        self.bytesMax = bytesMax
    }

    var waitingCount: Int { events.load(ordering: .relaxed) }
    var sentCount: Int { sent.load(ordering: .relaxed) }
    var droppedCount: Int { dropped.load(ordering: .relaxed) }

    /// Takes an event of so many bytes in; false, and it counts as dropped, when there is no place for it. Threads that
    /// come at once may go beyond the bound by an event each.
    func take(_ count: Int) -> Bool {
        guard events.load(ordering: .relaxed) < eventsMax, bytes.load(ordering: .relaxed) + count <= bytesMax else {
            dropped.add(1, ordering: .relaxed)
            return false
        }
        events.add(1, ordering: .relaxed)
        bytes.add(count, ordering: .relaxed)
        return true
    }

    /// These have arrived, or are given up.
    func ended(_ size: EventQueue.Size, isSent: Bool) {
        events.subtract(size.events, ordering: .relaxed)
        bytes.subtract(size.bytes, ordering: .relaxed)
        if isSent {
            sent.add(size.events, ordering: .relaxed)
        } else {
            dropped.add(size.events, ordering: .relaxed)
        }
    }
}

/// Writes the events of one thread, and hands them on in batches. There is none without a webhook for events.
///
/// Thread: the one whose events these are.
final class EventWriter {
    private let desk: EventDesk
    private let node: String
    private let kinds: Set<EventKind>
    /// Whether messages are among them: of these there are most.
    let wantsMessages: Bool
    private var writer = JSONWriter()
    private var batch = EventBatch()

    /// nil without a webhook for events.
    init?(_ context: NodeContext) {
        guard let wanted = context.configuration.eventWebhook else { return nil }
        desk = context.mail.events
        node = context.nodeID
        kinds = wanted.kinds
        wantsMessages = wanted.kinds.contains(.message)
    }

    /// - Parameters:
    ///   - time: Unix milliseconds.
    ///   - message: the `message` frame, a JSON object.
    func add(
        _ kind: EventKind, at time: Int, room: Identifier? = nil, user: Identifier? = nil, device: Identifier? = nil,
        message: UnsafeRawBufferPointer? = nil
    ) {
        guard kinds.contains(kind) else { return }
        writer.removeAll()
        writer.beginObject()
        writer.member("type", kind.rawValue)
        writer.name("at")
        writer.time(time)
        writer.member("node", node)
        if let room { writer.member("room", room) }
        if let user { writer.member("user", user) }
        if let device { writer.member("device", device) }
        if let message {
            writer.name("message")
            writer.raw(message)
        }
        writer.endObject()
        if desk.take(writer.bytes.count) { batch.append(writer.bytes) }
    }

    /// A message was committed to a room by this node.
    /// - Parameter frame: the `message` frame.
    func committed(
        in room: Identifier, by user: Identifier, _ device: Identifier?, at time: Int, _ frame: UnsafeRawBufferPointer
    ) {
        add(.message, at: time, room: room, user: user, device: device, message: frame)
    }

    /// An own message has its place in a room's shared log. It is an event if this worker gave it that, and the first.
    /// - Parameters:
    ///   - prefix: the beginning of the names of this worker's commits.
    ///   - frame: the `message` frame.
    func committed(
        _ own: Submission, as arrival: ReplicaLog.PlacedEntry, in room: Identifier, by prefix: String,
        _ frame: UnsafeRawBufferPointer
    ) {
        guard wantsMessages, arrival.was.isEmpty, arrival.entry.commit?.hasPrefix(prefix + "-") == true else { return }
        let device: Identifier? = if case .connection(let info) = own.author { info.device } else { nil }
        committed(in: room, by: own.user, device, at: own.time, frame)
    }

    /// A user came or went.
    /// - Parameter levels: what others hear of.
    func add(
        _ levels: PresenceVerdict, in place: PresencePlace, of user: Identifier, isArrival: Bool, at time: Int,
        device: Identifier?
    ) {
        guard !levels.isEmpty else { return }
        let room: Identifier? = if case .room(let room) = place { room } else { nil }
        for kind in place.events(levels, isArrival: isArrival) {
            let isOfRoom = kind == .roomOccupied || kind == .roomVacated
            add(
                kind, at: time, room: room, user: isOfRoom ? nil : user,
                device: kind == .joined || kind == .online ? device : nil)
        }
    }

    /// At the end of a turn.
    func post() {
        guard batch.count > 0 else { return }
        desk.mail.post([batch])
        batch = EventBatch()
    }
}
