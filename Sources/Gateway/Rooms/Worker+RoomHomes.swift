import Foundations
import Rooms
import WireProtocol

// What a worker does as the home of rooms. Every method runs on the home's thread; answers go to the connection's
// worker by `post`, behind everything that the room said before.
extension Worker {
    /// Bytes of history that one answer carries while a connection catches up; the rest follows when these are with
    /// the kernel, so that a long replay never fills the connection's queue.
    var replayBytesMax: Int { min(256 * 1024, load.limits.sendQueueBytesMax) }

    /// The room, made if it is not there.
    func openRoom(_ id: Identifier) -> RoomHome {
        if let home = rooms[id] { return home }
        return createRoom(id, defaultSettings, isConfigured: false)
    }

    func createRoom(_ id: Identifier, _ settings: RoomSettings, isConfigured: Bool) -> RoomHome {
        let room = Room(
            id: id, settings: settings, isConfigured: isConfigured, epoch: makeName(), at: loop.unixNow)
        let home = RoomHome(room, workerCount: context.workerCount)
        rooms[id] = home
        follow(home)
        return home
    }

    // MARK: Delivery

    /// Takes the frame in `writer` for all members; nobody gets it later.
    func broadcastWritten(in home: RoomHome) {
        openBatch(of: home).append(scratch.frame(.text, writer.bytes))
    }

    /// Delivers what the room said so far: to members here by a call, to members elsewhere by one letter per worker.
    /// - Parameter isTurnEnding: nothing more will come from this room in this turn.
    func flush(_ home: RoomHome, isTurnEnding: Bool = false) {
        guard var batch = home.batch else { return }
        home.batch = nil
        if let windowBits = home.windowBits, compresses {
            batch.compress(with: compressor, windowBits: windowBits)
        }
        for worker in 0..<context.workerCount where worker != index {
            let isConcerned = home.isLive(on: worker) || batch.cuts.contains { $0.worker == worker }
            if isConcerned { send(.deliver(batch), to: worker) }
        }
        deliver(batch, to: home.localMembers, isTurnEnding: isTurnEnding)
        // What another worker reads is not filled again.
        guard isKnownUniquelyReferenced(&batch) else { return }
        batch.removeAll()
        batchPool.append(batch)
    }

    // MARK: Messages

    func publishRemote(_ message: RemoteMessage) {
        message.fields.withFields { fields in
            publish(fields, from: message.info, in: openRoom(message.room))
        }
    }

    /// Commits a member's message and acks it in its place in the room's order.
    func publish(_ fields: MessageFields, from info: ConnectionInfo, in home: RoomHome) {
        if let shared = home.shared { return submit(fields, from: info, in: home, shared) }
        let published = commit(fields, user: info.user, device: info.device, in: home)
        let batch = openBatch(of: home)
        if let frame = published.frame {
            info.messageCommitted(at: published.time)
            batch.append(message: frame)
            writer.ack(
                in: home.room.historyHead, seq: published.position.seq, id: published.id, time: published.time)
        } else {
            writer.ack(
                .room(home.room.id), id: published.id, position: published.position, time: published.time,
                isDuplicate: true)
        }
        batch.cut(for: info, length: published.frame?.length ?? 0, ack: scratch.frame(.text, writer.bytes))
    }

    /// A message's place in the order.
    struct Published {
        /// The id, escaped for JSON; valid until the next message.
        let id: UnsafeRawBufferPointer
        let position: Position
        let time: Int
        /// nil when the id was known.
        let frame: FrameSlice?
    }

    /// Commits a message, or finds the commit of the same id.
    private func commit(
        _ fields: MessageFields, user: Identifier, device: Identifier?, in home: RoomHome
    ) -> Published {
        let room = home.room
        if let id = fields.id, let known = id.withBytes({ room.known(user, $0) }) {
            return Published(id: id.raw, position: known.position, time: known.time, frame: nil)
        }
        let time = loop.unixNow
        let id = fields.id?.raw ?? makeMessageID()
        let seq = room.log.newestSeq + 1
        let head = MessageHead(id: id, user: user, device: device, time: time)
        writer.message(in: room.historyHead, seq: seq, head, fields)
        counters.committed.add(1)
        let frame: FrameSlice
        if let given = fields.id {
            frame = given.withBytes { room.commit(writer.bytes, from: user, id: $0, at: time) }
            listForIDs(home)
        } else {
            frame = room.commit(writer.bytes, from: user, id: nil, at: time)
        }
        return Published(id: id, position: Position(epoch: room.log.epoch, seq: seq), time: time, frame: frame)
    }

    /// Commits a message that came over HTTP; makes the room.
    func publish(_ fields: MessageFields, user: Identifier, in id: Identifier) -> Published {
        let home = openRoom(id)
        let published = commit(fields, user: user, device: nil, in: home)
        if let frame = published.frame { openBatch(of: home).append(message: frame) }
        listIfIdle(home)
        return published
    }

    // MARK: Coming and going

    /// A connection wants to come in.
    func join(_ id: Identifier, _ info: ConnectionInfo, from position: Position?) {
        let home = openRoom(id)
        if home.shared?.delays(info, position) == true { return }
        if home.isFull(for: info.user) {
            post(to: info.worker) { $0.joinRefused(id, info) }
            return
        }
        let isFirst: Bool
        switch home.room.joined(info, at: loop.unixNow) {
        case .full:
            post(to: info.worker) { $0.joinRefused(id, info) }
            return
        case .joined(let first):
            isFirst = first
        }
        // What the room said before, and that somebody came, is for those who were in before.
        if isFirst, home.shared?.isElsewhere(info.user) != true {
            tellPresence("joined", of: info.user, in: home)
        }
        home.shared?.presenceChanged(info.user)
        flush(home)

        let room = home.room
        let plan = ResumePlan(from: position, in: room.log)
        writer.joinedRoom(
            id, position: Position(epoch: room.log.epoch, seq: room.log.newestSeq), isRecovered: plan.isRecovered,
            missed: plan.missed, users: home.userCount, readMark: room.readMark(of: info.user))
        var frames = [scratch.frame(.text, writer.bytes)]
        if let gap = plan.gap {
            writer.gap(room: id, epoch: room.log.epoch, nextSeq: plan.replayAfter + 1, reason: gap.rawValue)
            frames.append(scratch.frame(.text, writer.bytes))
        }
        home.shared?.joined(info, from: position)
        home.replayBegan(info)
        sendReplay(of: home, to: info, after: plan.replayAfter, behind: frames)
    }

    /// Answers a `join` of one who is in already: as a join, without replay.
    func describe(_ id: Identifier, to info: ConnectionInfo) {
        guard let home = rooms[id] else { return }
        flush(home)
        let log = home.room.log
        writer.joinedRoom(
            id, position: Position(epoch: log.epoch, seq: log.newestSeq), isRecovered: false, missed: 0,
            users: home.userCount, readMark: home.room.readMark(of: info.user))
        let frame = scratch.frame(.text, writer.bytes)
        post(to: info.worker) { $0.described(frame, info) }
    }

    /// A connection has taken what was sent and wants the rest.
    func continueReplay(_ id: Identifier, _ info: ConnectionInfo, after seq: UInt64) {
        // Without the room, or out of it, the connection was told so on its way.
        guard let home = rooms[id], home.isReplaying(info) else { return }
        flush(home)
        let log = home.room.log
        if home.replayGoesOn(info, after: seq) {
            sendReplay(of: home, to: info, after: log.oldestSeq - 1, gap: .epochChanged)
        } else {
            sendReplay(of: home, to: info, after: seq, gap: log.oldestSeq > seq + 1 ? .trimmed : nil)
        }
    }

    /// What was not stored is said before the entry behind it, or before going live.
    /// - Parameter gap: why the first entry does not follow what the connection had, if it does not.
    private func sendReplay(
        of home: RoomHome, to info: ConnectionInfo, after seq: UInt64, gap: GapReason? = nil,
        behind first: [FrameSlice] = []
    ) {
        let (id, log) = (home.room.id, home.room.log)
        let entries = log.entries(after: seq, countMax: .max, byteCountMax: replayBytesMax)
        var (frames, gap, reached) = (first, gap, seq)
        func tellGap(before seq: UInt64) {
            guard let reason = gap else { return }
            gap = nil
            writer.gap(room: id, epoch: log.epoch, nextSeq: seq, reason: reason.rawValue)
            frames.append(scratch.frame(.text, writer.bytes))
        }
        for entry in entries {
            if entry.seq > reached + 1, gap == nil { gap = .notStored }
            reached = entry.seq
            if home.wasSeen(entry, by: info) {
                gap = .epochChanged
            } else {
                tellGap(before: entry.seq)
                frames.append(entry.frame)
            }
        }
        if log.count(after: reached) == 0, log.newestSeq > reached {
            reached = log.newestSeq
            if gap == nil { gap = .notStored }
        }
        tellGap(before: reached + 1)
        let isLive = reached == log.newestSeq
        if isLive { home.wentLive(info) }
        post(to: info.worker) { [frames, reached] in
            $0.joined(id, info, frames, isLive: isLive, reached: reached)
        }
    }

    /// A connection leaves at once.
    func leave(_ id: Identifier, _ info: ConnectionInfo, isAsked: Bool) {
        guard let home = rooms[id], home.shared?.forgetArrival(info) != true else { return }
        flush(home)
        let wasIn = home.room.isIn(info)
        let departure = home.room.left(info, at: loop.unixNow)
        if wasIn { home.departed(info) }
        home.shared?.presenceChanged(info.user)
        if isAsked { post(to: info.worker) { $0.leftRoom(id, info, reason: "left") } }
        departed(departure, info.user, home)
    }

    /// A connection was lost or closed: others see its user until the grace is over.
    func lost(_ id: Identifier, _ info: ConnectionInfo) {
        guard let home = rooms[id], home.shared?.forgetArrival(info) != true else { return }
        let graceEnd = loop.now + configuration.presenceGraceMilliseconds
        let departure = home.room.lost(info, graceEnd: graceEnd, at: loop.unixNow)
        guard case .inGrace = departure else { return }
        home.departed(info)
        departed(departure, info.user, home)
    }

    func roomGraceEnded(_ id: Identifier, _ user: Identifier) {
        guard let home = rooms[id] else { return }
        let departure = home.room.graceEnded(user, at: loop.now)
        home.shared?.presenceChanged(user)
        departed(departure, user, home)
    }

    private func departed(_ departure: Room.Departure, _ user: Identifier, _ home: RoomHome) {
        switch departure {
        case .unnoticed:
            break
        case .inGrace:
            let due = loop.now + configuration.presenceGraceMilliseconds
            graces.append(.room(room: home.room.id, user: user), at: due)
        case .userLeft:
            if home.shared?.isElsewhere(user) != true {
                tellPresence("left", of: user, in: home)
            }
            listIfIdle(home)
        }
    }

    /// Ends a room on this node: its members are told, its history goes. False when there is none.
    func dropRoom(_ id: Identifier) -> Bool {
        guard let home = rooms[id] else { return false }
        flush(home)
        rooms[id] = nil
        home.shared?.end()
        for info in home.room.connections {
            post(to: info.worker) { $0.roomDeleted(id, info) }
        }
        return true
    }

    // MARK: Asking and telling

    func typing(_ isTyping: Bool, _ info: ConnectionInfo, in home: RoomHome) {
        guard tellsTyping(info.user, isTyping, in: home) else { return }
        writer.typing(room: home.room.id, user: info.user, isTyping: isTyping)
        tellOthers(than: info, in: home)
        home.shared?.tellTyping(info.user, isTyping)
    }

    func read(upTo seq: UInt64, _ info: ConnectionInfo, in home: RoomHome) {
        guard let mark = home.room.read(info.user, upTo: seq) else { return }
        home.shared?.tellMark(of: info.user, mark)
        guard tellsMark(of: info.user, mark, in: home) else { return }
        writer.read(room: home.room.id, marks: CollectionOfOne((user: info.user, seq: mark)))
        tellOthers(than: info, in: home)
    }

    /// Takes the frame in `writer` for all members but one connection.
    private func tellOthers(than info: ConnectionInfo, in home: RoomHome) {
        let frame = scratch.frame(.text, writer.bytes)
        let batch = openBatch(of: home)
        batch.append(frame)
        batch.cut(for: info, length: frame.length, ack: nil)
    }

    /// Answers a connection with the frame in `writer`, behind what the room said before.
    func answerWritten(_ info: ConnectionInfo, behind home: RoomHome?) {
        if let home { flush(home) }
        let frame = scratch.frame(.text, writer.bytes)
        post(to: info.worker) { $0.deliver([frame], to: info) }
    }
}
