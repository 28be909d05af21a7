import ClusterState
import Core
import Rooms
import WireProtocol

/// The settings and read marks of a replicated room, and the notices that nodes send each other in passing.
///
/// Thread: the home worker's.
final class ReplicatedFacts {
    private unowned let replicated: ReplicatedRoom
    /// An operator set something while the store was away.
    var areSettingsUnsent = false

    init(of replicated: ReplicatedRoom) { self.replicated = replicated }

    private var home: RoomOwner { replicated.home }
    private var core: WorkerCore { home.core }
    private var table: RoomTable { home.table }
    private var channel: LogChannel? { replicated.channel }

    // MARK: Settings and marks

    /// Asks what the store keeps of the room, and writes there what this node knows better.
    func read() {
        guard let channel else { return }
        if areSettingsUnsent {
            areSettingsUnsent = false
            channel.ask(settingsOperation) { _ in }
        }
        channel.ask(RoomFacts.operation(channel.keys, at: home.room.createdAt)) { [weak self] reply in
            if let self, let facts = RoomFacts(reply) { take(facts) }
        }
        replicated.replication.store.perform(RoomIndex.adding([home.room.id])) { _ in }
    }

    private func take(_ facts: RoomFacts) {
        let room = home.room
        let isConfigured = facts.settings != nil
        let settings = RoomSettings(facts.settings, defaultHistorySize: core.configuration.historySize)
        // Rooms of which nobody said anything share the node's settings.
        room.set(
            isConfigured ? settings : table.defaultSettings, isConfigured: isConfigured, createdAt: facts.createdAt)
        var known: [Identifier: UInt64] = [:]
        for mark in facts.marks {
            known[mark.user] = mark.seq
            markRose(mark.user, mark.seq)
        }
        for mark in room.allReadMarks where mark.seq > known[mark.user] ?? 0 { publishMark(of: mark.user, mark.seq) }
    }

    /// Sets in the store what an operator set here.
    private var settingsOperation: StoreOperation {
        let room = home.room
        let settings = RoomFacts.Settings(
            name: room.settings.name, usersMax: room.settings.usersMax, historySize: room.settings.historySize)
        return RoomFacts.setting(
            LogKeys(room: room.id), settings, boot: core.context.boot, at: core.loop.unixNow, isNew: false)
    }

    /// A user types here: the others' nodes are notified, if there are any.
    func publishTyping(_ user: Identifier, _ isTyping: Bool) {
        publishInPassing(.typing, [user.text, isTyping ? "1" : "0"])
    }

    /// A member sends a signal here: the others' nodes get it, if there are any.
    func publishSignal(_ info: ConnectionInfo, _ body: SignalBody) {
        publishInPassing(.signal, [info.user.text, info.device.text, String(decoding: body.json, as: UTF8.self)])
    }

    private func publishInPassing(_ kind: ClusterNotice.Kind, _ values: [String]) {
        guard replicated.users.presence?.roster.isEmpty == false else { return }
        channel?.publish(ClusterNotice(kind, boot: core.context.boot, values))
    }

    /// A read mark has risen here: it is kept, and the others' nodes are notified. With the store away it is published
    /// when the store is back.
    func publishMark(of user: Identifier, _ seq: UInt64) {
        guard let channel else { return }
        let operation = ReadMark.operation(
            channel.keys, boot: core.context.boot, user: user, seq: seq, marksMax: Room.readMarksMax,
            kept: core.configuration.historyTTLMilliseconds)
        channel.ask(operation) { _ in }
    }

    private func markRose(_ user: Identifier, _ seq: UInt64) {
        guard let mark = home.room.readElsewhere(user, upTo: seq), replicated.isReady,
            table.notices.admitsMark(of: user, mark, in: home)
        else { return }
        core.writer.read(room: home.room.id, marks: CollectionOfOne((user: user, seq: mark)))
        home.broadcastWritten()
    }
}

extension ReplicatedFacts: NoticeObserver {
    func noticed(_ notice: ClusterNotice) {
        let isOwn = notice.boot == core.context.boot
        switch notice.kind {
        case .typing:
            guard !isOwn, notice.values.count == 2, let user = Identifier(validating: notice.values[0]) else { return }
            let isTyping = notice.values[1] == "1"
            guard table.notices.admitsTyping(user, isTyping, in: home) else { return }
            core.writer.typing(room: home.room.id, user: user, isTyping: isTyping)
            home.broadcastWritten()
        case .signal:
            guard !isOwn, notice.values.count == 3, let user = Identifier(validating: notice.values[0]),
                let device = Identifier(validating: notice.values[1]),
                let body = SignalBody(Array(notice.values[2].utf8)), table.notices.admitsSignal(user, in: home)
            else { return }
            core.writer.signal(room: home.room.id, user: user, device: device, body)
            home.broadcastWritten()
        case .read:
            guard !isOwn, notice.values.count == 2, let user = Identifier(validating: notice.values[0]),
                let seq = UInt64(notice.values[1])
            else { return }
            markRose(user, seq)
        case .deleted:
            if notice.values == [home.room.log.epoch] { replicated.deleted() }
        case .settings:
            if !isOwn { read() }
        case .places: if !isOwn { replicated.forks.placesPublished(notice.values) }
        case .kick, .deviceRooms, .order, .fence: break
        }
    }
}

extension RoomSettings {
    /// The operator's settings, and the node's own for all others.
    convenience init(_ settings: RoomFacts.Settings?, defaultHistorySize: Int) {
        self.init(
            name: settings?.name, usersMax: settings?.usersMax,
            historySize: settings?.historySize ?? defaultHistorySize)
    }
}
