import ControlPlane
import Foundations
import Rooms
import WireProtocol

// What a room has besides its messages: settings, read marks, what is told in passing, and its end.
extension SharedRoom: NoticeObserver {
    // MARK: Facts

    /// Asks what the store keeps of the room, and tells it what this node knows better.
    func readFacts() {
        guard let channel else { return }
        if settingsToTell {
            settingsToTell = false
            channel.ask(settingsOperation(isNew: false)) { _ in }
        }
        channel.ask(RoomFacts.operation(channel.keys, at: home.room.createdAt)) { [weak self] reply in
            if let self, let facts = RoomFacts(reply) { take(facts) }
        }
        replication.store.perform(RoomIndex.adding([home.room.id])) { _ in }
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

    /// Sets what an operator wants; `completion` gets false when the room is there and must not be.
    func settingsOperation(isNew: Bool) -> StoreOperation {
        let room = home.room
        let settings = RoomFacts.Settings(
            name: room.settings.name, usersMax: room.settings.usersMax, historySize: room.settings.historySize)
        return RoomFacts.setting(
            LogKeys(room: room.id), settings, boot: core.context.boot, at: core.loop.unixNow, isNew: isNew)
    }

    // MARK: Told in passing

    func noticed(_ notice: ClusterNotice) {
        let isOwn = notice.boot == core.context.boot
        switch notice.kind {
        case .typing:
            guard !isOwn, notice.values.count == 2, let user = Identifier(validating: notice.values[0]) else { return }
            let isTyping = notice.values[1] == "1"
            guard table.notices.admitsTyping(user, isTyping, in: home) else { return }
            core.writer.typing(room: home.room.id, user: user, isTyping: isTyping)
            home.broadcastWritten()
        case .read:
            guard !isOwn, notice.values.count == 2, let user = Identifier(validating: notice.values[0]),
                let seq = UInt64(notice.values[1])
            else { return }
            markRose(user, seq)
        case .deleted:
            if notice.values == [home.room.log.epoch] { deleted() }
        case .settings:
            if !isOwn { readFacts() }
        case .kick, .whereabouts, .fence: break
        }
    }

    /// A user types here: the others' nodes are told, if there are any.
    func publishTyping(_ user: Identifier, _ isTyping: Bool) {
        guard presence?.roster.isEmpty == false else { return }
        channel?.tell(ClusterNotice(.typing, boot: core.context.boot, [user.text, isTyping ? "1" : "0"]))
    }

    /// A read mark has risen here: it is kept, and the others' nodes are told. With the store away it is told when the
    /// store is back.
    func publishMark(of user: Identifier, _ seq: UInt64) {
        guard let channel else { return }
        let operation = ReadMark.operation(
            channel.keys, boot: core.context.boot, user: user, seq: seq, marksMax: Room.readMarksMax,
            kept: core.configuration.historyTTLMilliseconds)
        channel.ask(operation) { _ in }
    }

    private func markRose(_ user: Identifier, _ seq: UInt64) {
        guard let mark = home.room.readElsewhere(user, upTo: seq), isReady,
            table.notices.admitsMark(of: user, mark, in: home)
        else { return }
        core.writer.read(room: home.room.id, marks: CollectionOfOne((user: user, seq: mark)))
        home.broadcastWritten()
    }

    // MARK: The end

    /// The room was deleted, here or elsewhere: its members go, and what waits for a place in it gets none.
    func deleted() {
        // It holds this room, and lets go of it now.
        let home = home
        guard table.find(home.room.id) === home else { return }
        let waiting = follower?.withdrawAll() ?? []
        let arrivals = takeArrivals()
        for submission in waiting { refuse(submission) }
        let (table, id) = (table, home.room.id)
        _ = table.drop(id)
        for arrival in arrivals { table.open(id).join(arrival.info, from: arrival.position) }
    }

    private func refuse(_ submission: Submission) {
        if submission.isProvisional { replication.outbox.removed(submission) }
        let text = "the room was deleted before the message had its place"
        switch submission.author {
        case .connection(let info):
            core.writer.error(
                .unavailable, text, id: String(decoding: submission.id, as: UTF8.self), room: home.room.id)
            core.answerWritten(info)
        case .request(let number): table.publications.answer(number, .unavailable(text, retrySeconds: 1))
        case .nobody: break
        }
    }
}

extension RoomSettings {
    /// What an operator said; of what was not said, the node's own.
    convenience init(_ settings: RoomFacts.Settings?, defaultHistorySize: Int) {
        self.init(
            name: settings?.name, usersMax: settings?.usersMax,
            historySize: settings?.historySize ?? defaultHistorySize)
    }
}
