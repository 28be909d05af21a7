import ClusterState
import Core
import Rooms
import WireProtocol

// Connections come and go.
extension RoomOwner {
    /// A connection wants to come in.
    func join(_ info: ConnectionInfo, from position: Position?) {
        if sequencer.delays(info, position) { return }
        if isFull(for: info.user) { return core.send(.joinRefused(id, .roomFull), to: info) }
        let isFirst: Bool
        switch room.joined(info, at: core.loop.now) {
        case .full: return core.send(.joinRefused(id, .roomFull), to: info)
        case .joined(let first): isFirst = first
        }
        // The output so far, and that somebody came, is for those who were in before.
        if isFirst, !sequencer.isElsewhere(info.user) {
            table.notices.presenceChanged("joined", of: info.user, in: self)
        }
        presenceChanged(info.user, isFirst ? .came(info.device) : nil)
        flush()

        let admission = sequencer.admits(info, position)
        if let position, admission.isPlaced, !knows(position) { core.send(.positionUnknown(id), to: info) }
        let plan = plan(from: admission.isPlaced ? position : nil)
        // What it is shown without a place comes before the gap.
        let isPending = admission.isPending || !plan.shown.isEmpty
        core.writer.joinedRoom(
            id, position: Position(epoch: room.log.epoch, seq: room.log.newestSeq), isPending: isPending,
            isRecovered: plan.isRecovered && !isPending, missed: plan.shown.isEmpty ? plan.missed : 0,
            users: userCount, readMark: room.readMark(of: info.user))
        let joined = core.writtenFrame()
        let replay = LiveMembers.Replay(epoch: room.log.epoch, from: position)
        let lead = SubmissionReplies(home: self).leadFrames(plan, as: { $0 })
        send(replay, to: info, after: plan.replayAfter, behind: [joined] + lead)
    }

    /// Whether a position is of the room's history, or of a former one of it.
    private func knows(_ position: Position) -> Bool {
        position.epoch == room.log.epoch || sequencer.former.knows(position.epoch)
    }

    private func plan(from position: Position?) -> ResumePlan {
        ResumePlan(from: position, in: room.log, sequencer.former, shownBytesMax: core.replayBytesMax)
    }

    /// Whether other nodes' users leave no place for one more user.
    private func isFull(for user: Identifier) -> Bool {
        guard case .replicated = sequencer, let most = room.settings.usersMax, userCount >= most else { return false }
        return room.attendance(of: user).isEmpty && !sequencer.isElsewhere(user)
    }

    /// Answers a `join` of one who is in already: as a join, without replay.
    func describe(to info: ConnectionInfo) {
        flush()
        core.writer.joinedRoom(
            id, position: Position(epoch: room.log.epoch, seq: room.log.newestSeq), isPending: sequencer.isPending,
            isRecovered: false, missed: 0, users: userCount, readMark: room.readMark(of: info.user))
        core.send(.described(core.writtenFrame()), to: info)
    }

    // MARK: Replay

    /// A connection has taken what was sent and wants the rest.
    func continueReplay(_ info: ConnectionInfo, after seq: UInt64) {
        guard var replay = live.takeReplay(of: info) else { return }
        flush()
        let log = room.log
        guard replay.epoch != log.epoch else {
            return send(replay, to: info, after: seq, gap: log.oldestSeq > seq + 1 ? .trimmed : nil)
        }
        let position = Position(epoch: replay.epoch, seq: seq)
        replay.goesOn(in: log.epoch, from: position)
        // Not all is back that it has seen: it is led over with the others.
        guard sequencer.isReady else { return end(replay, of: info, at: position, []) }
        let plan = plan(from: position)
        let lead = SubmissionReplies(home: self).leadFrames(plan, as: { $0 })
        send(replay, to: info, after: plan.replayAfter, behind: lead)
    }

    /// A connection has caught up to a position.
    private func end(
        _ replay: LiveMembers.Replay, of info: ConnectionInfo, at position: Position, _ frames: [FrameSlice]
    ) {
        live.wentLive(info)
        sequencer.wentLive(info, at: position)
        let frames = frames + sequencer.provisionalFrames(to: info, resumes: replay.resumes)
        core.send(.joined(id, frames, isLive: true, reached: position.seq), to: info)
    }

    /// Sends the next part of a replay. What was not stored is said before the entry behind it, or before going live.
    /// - Parameters:
    ///   - gap: why the first entry does not follow what the connection had, if it does not.
    ///   - first: frames in front of the replay.
    private func send(
        _ replay: LiveMembers.Replay, to info: ConnectionInfo, after seq: UInt64, gap: GapReason? = nil,
        behind first: [FrameSlice] = []
    ) {
        let log = room.log
        var (frames, gap, reached) = (first, gap, seq)
        func appendGap(before seq: UInt64) {
            guard let reason = gap else { return }
            gap = nil
            core.writer.gap(room: id, epoch: log.epoch, nextSeq: seq, reason: reason.rawValue)
            frames.append(core.writtenFrame())
        }
        // Of former histories; a connection that catches up has seen these so far.
        let passed = replay.seen.filter { $0.epoch != log.epoch }.map(PassedPlaces.init)
        let former = sequencer.former
        for entry in log.entries(after: seq, countMax: .max, byteCountMax: core.replayBytesMax) {
            if entry.seq > reached + 1, gap == nil { gap = .notStored }
            reached = entry.seq
            if passed.contains(where: { former.wasSeen(entry.seq, by: $0) }) {
                if gap == nil { gap = .trimmed }
            } else {
                appendGap(before: entry.seq)
                frames.append(entry.frame)
            }
        }
        if log.count(after: reached) == 0, log.newestSeq > reached {
            reached = log.newestSeq
            if gap == nil { gap = .notStored }
        }
        appendGap(before: reached + 1)
        if reached == log.newestSeq {
            return end(replay, of: info, at: Position(epoch: log.epoch, seq: reached), frames)
        }
        live.waits(info, with: replay)
        core.send(.joined(id, frames, isLive: false, reached: reached), to: info)
    }

    // MARK: Leaving

    /// A connection leaves at once.
    func leave(_ info: ConnectionInfo, isAsked: Bool) {
        let wasWaiting = sequencer.forgetArrival(info)
        flush()
        let wasIn = room.isIn(info)
        let departure = room.left(info, at: core.loop.now)
        if wasIn { departed(info) }
        if !wasWaiting { presenceChanged(info.user, departure == .userLeft ? .went : nil) }
        if isAsked { core.send(.leftRoom(id, reason: "left"), to: info) }
        departed(departure, info.user)
    }

    /// A connection was lost or closed: others see its user until the grace is over.
    func lost(_ info: ConnectionInfo) {
        guard !sequencer.forgetArrival(info) else { return }
        let graceEnd = core.loop.now + core.configuration.presenceGraceMilliseconds
        let departure = room.lost(info, graceEnd: graceEnd, at: core.loop.now)
        guard case .inGrace = departure else { return }
        departed(info)
        departed(departure, info.user)
    }

    /// - Parameter now: loop milliseconds.
    func graceEnded(_ user: Identifier, at now: Int) {
        let departure = room.graceEnded(user, at: now)
        presenceChanged(user, departure == .userLeft ? .went : nil)
        departed(departure, user)
    }

    /// A user's connections here are others than before: other nodes are notified, and the operator's server if the
    /// user came or went.
    private func presenceChanged(_ user: Identifier, _ change: PresenceChange?) {
        guard let events = core.events, let change else { return sequencer.presenceChanged(user, nil) }
        let device: Identifier? = if case .came(let device) = change { device } else { nil }
        var known: PresenceVerdict = []
        if !sequencer.isElsewhere(user) { known.insert(.alone) }
        let isArrival = device != nil
        let hasOthers = room.userCount > (isArrival ? 1 : 0)
        if known.contains(.alone), !hasOthers, sequencer.elsewhere.isEmpty { known.insert(.empty) }
        if case .local = sequencer {
            return events.add(
                known, in: .room(id), of: user, isArrival: isArrival, at: core.loop.unixNow, device: device)
        }
        sequencer.presenceChanged(
            user,
            PresenceClaim(
                isArrival: isArrival, at: core.loop.unixNow, device: device, known: known,
                isOthers: hasOthers ? [.alone] : .levels))
    }

    /// The room was deleted: the operator's server hears that all leave, of those who are in on several nodes from one
    /// of these.
    func sayAllLeave() {
        guard let events = core.events else { return }
        let time = core.loop.unixNow
        let here = room.attendances.compactMap(\.user)
        for user in here where sequencer.nodesElsewhere(of: user).allSatisfy({ core.context.boot < $0 }) {
            events.add(.left, at: time, room: id, user: user)
        }
        guard !here.isEmpty, sequencer.nodesElsewhere.allSatisfy({ core.context.boot < $0 }) else { return }
        events.add(.roomVacated, at: time, room: id)
    }

    private func departed(_ info: ConnectionInfo) {
        sequencer.departed(info)
        live.departed(info)
    }

    private func departed(_ departure: Room.Departure, _ user: Identifier) {
        switch departure {
        case .unnoticed: break
        case .inGrace: table.awaitReturn(of: user, in: self)
        case .userLeft:
            if !sequencer.isElsewhere(user) { table.notices.presenceChanged("left", of: user, in: self) }
            table.listIfIdle(self)
        }
    }

    // MARK: Typing, signals and read marks

    func typing(_ info: ConnectionInfo, _ isTyping: Bool) {
        guard table.notices.admitsTyping(info.user, isTyping, in: self) else { return }
        core.writer.typing(room: id, user: info.user, isTyping: isTyping)
        broadcastWritten(except: info)
        sequencer.publishTyping(info.user, isTyping)
    }

    func signal(_ info: ConnectionInfo, _ body: SignalBody) {
        guard table.notices.admitsSignal(info.user, in: self) else { return }
        core.writer.signal(room: id, user: info.user, device: info.device, body)
        broadcastWritten(except: info)
        sequencer.publishSignal(info, body)
    }

    func read(_ info: ConnectionInfo, upTo seq: UInt64) {
        guard let mark = room.read(info.user, upTo: seq) else { return }
        sequencer.publishMark(of: info.user, mark)
        guard table.notices.admitsMark(of: info.user, mark, in: self) else { return }
        core.writer.read(room: id, marks: CollectionOfOne((user: info.user, seq: mark)))
        broadcastWritten(except: info)
    }
}

/// Who is in a room has changed, in a way that may be an event.
private enum PresenceChange {
    /// With a first connection, of this device.
    case came(Identifier)
    case went
}
