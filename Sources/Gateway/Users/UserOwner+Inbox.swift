import Core
import Rooms
import WireProtocol

// The inbox on its way to the user's connections.
extension UserOwner {
    /// The inbox, made at the first use.
    func openInbox() -> Inbox {
        user.openInbox(of: id, epoch: core.ids.prefix, size: core.configuration.inboxSize, in: core.stored.messages)
    }

    /// A connection was taken in: the first part of what it gets.
    /// - Parameter start: where the store says that its device goes on.
    func beginInboxReplay(to info: ConnectionInfo, from start: InboxStart?) -> InboxReplay {
        guard let inbox = user.openedInbox else { return InboxReplay(frames: [], nextAfter: nil) }
        var reader = InboxReader(info)
        switch sequencer {
        case .local:
            if let device = info.namedDevice { inbox.came(device) }
            reader.placed(at: info.namedDevice.flatMap(inbox.cursor) ?? inbox.beginning, in: inbox.log)
            reader.isReplaying = true
        case .replicated(let shared):
            if let cursor = shared.placing.cursor(of: info, from: start) {
                reader.placed(at: cursor, in: inbox.log)
                reader.isReplaying = true
            } else {
                shared.placing.awaits(info, from: start)
            }
        }
        inbox[info] = reader
        guard reader.isPlaced else { return InboxReplay(frames: provisionalFrames(to: info), nextAfter: nil) }
        return replay(to: info)
    }

    /// A connection has taken the part of its inbox that was sent and wants the rest.
    func continueInboxReplay(_ info: ConnectionInfo) {
        guard user.openedInbox?[info]?.isReplaying == true else { return }
        core.send(.inboxReplayed(replay(to: info)), to: info)
    }

    /// The next part of a connection's replay. Behind the last one stands what has no place yet.
    private func replay(to info: ConnectionInfo) -> InboxReplay {
        let part = lead(info, byteCountMax: core.replayBytesMax)
        if let next = part.next { return InboxReplay(frames: part.frames, nextAfter: next) }
        user.openedInbox?[info]?.isReplaying = false
        return InboxReplay(frames: part.frames + provisionalFrames(to: info), nextAfter: nil)
    }

    /// Leads the connections that get live frames to what has come.
    func leadReaders() {
        guard let inbox = user.openedInbox else { return }
        for reader in inbox.readers where reader.isLive { leadOn(reader.info) }
    }

    /// Leads a connection to the end of what is here.
    func leadOn(_ info: ConnectionInfo) {
        let frames = lead(info, byteCountMax: .max).frames
        if !frames.isEmpty { core.send(.frames(frames), to: info) }
    }

    /// Takes what a connection gets next, until so many bytes are passed.
    /// - Returns: the frames, and where they ended if that is not the end.
    private func lead(_ info: ConnectionInfo, byteCountMax: Int) -> (frames: [FrameSlice], next: UInt64?) {
        guard let inbox = user.openedInbox, var reader = inbox[info] else { return ([], nil) }
        let isQuiet = sequencer.isInboxQuiet
        var (frames, bytes) = ([FrameSlice](), 0)
        var next: UInt64?
        while let step = reader.next(in: inbox, isQuiet: isQuiet) {
            let frame = frame(of: step, in: inbox.log)
            frames.append(frame)
            bytes += frame.length
            guard case .entry(let entry) = step, bytes > byteCountMax, entry.seq < inbox.log.newestSeq else { continue }
            next = entry.seq
            break
        }
        inbox[info] = reader
        return (frames, next)
    }

    private func frame(of step: InboxReader.Step, in log: MemoryLog) -> FrameSlice {
        switch step {
        case .entry(let entry): return entry.frame
        case .gap(let seq, let reason):
            core.writer.gap(room: nil, epoch: log.epoch, nextSeq: seq, reason: reason.rawValue)
        case .confirm(let known, let seq): writeConfirm(known, Position(epoch: log.epoch, seq: seq))
        }
        return core.writtenFrame()
    }

    private func writeConfirm(_ known: InboxReader.Provisional, _ position: Position) {
        known.rawID.withUnsafeBytes { id in
            core.writer.confirm(room: nil, epoch: position.epoch, user: known.user, id: id, seq: position.seq)
        }
    }

    // MARK: What has no place

    /// A message waits for the store: connections get it without a place, and the one that sent it will get its place.
    func deliverProvisional(_ submission: Submission) {
        guard let inbox = user.openedInbox else { return }
        let sender = SharedDirect(submission.body)?.audience(of: id).sender
        for reader in inbox.readers where reader.takesProvisional {
            if reader.info.device == sender { _ = inbox[reader.info]?.saw(submission) }
            if let frame = provisionalFrame(submission, to: reader.info, in: inbox) {
                core.send(.frames([frame]), to: reader.info)
            }
        }
    }

    /// The messages that this node keeps for the store and the connection has not seen.
    private func provisionalFrames(to info: ConnectionInfo) -> [FrameSlice] {
        guard let inbox = user.openedInbox else { return [] }
        return sequencer.provisionalMessages.compactMap { provisionalFrame($0, to: info, in: inbox) }
    }

    private func provisionalFrame(_ submission: Submission, to info: ConnectionInfo, in inbox: Inbox) -> FrameSlice? {
        guard let audience = SharedDirect(submission.body)?.audience(of: id) else { return nil }
        guard audience.includes(device: info.device, type: info.deviceType), inbox[info]?.saw(submission) == true else {
            return nil
        }
        submission.body.withUnsafeBytes { bytes in
            core.writer.provisionalDirect(body: DirectBody(bytes)?.frame ?? bytes)
        }
        return core.writtenFrame()
    }

    /// A message that was kept for the store was committed before: who has seen it is notified where.
    func confirmRepetition(_ submission: Submission, at position: Position) {
        guard let inbox = user.openedInbox else { return }
        for reader in inbox.readers where reader.isLive {
            guard let known = inbox[reader.info]?.forget(submission) else { continue }
            writeConfirm(known, position)
            core.send(.frames([core.writtenFrame()]), to: reader.info)
        }
    }

    // MARK: Reading

    /// Answers a `history` frame.
    func history(_ query: HistoryQuery, requestID: String?, _ info: ConnectionInfo) {
        sequencer.whenReady { [self] in
            let provisional = sequencer.provisionalMessages
                .filter { isFor(info, SharedDirect($0.body)?.audience(of: id)) }
            let log = user.openedInbox?.log
            let waiting = provisional.map(\.body.count)
            let page = log.map {
                HistoryPage(query, of: $0, waiting: waiting, byteCountMax: HistoryPage.frameBytesMax(core)) {
                    isFor(info, $0)
                }
            }
            var writer = JSONWriter()
            writer.beginObject()
            writer.member("type", "history" as StaticString)
            if let requestID { writer.member("id", requestID) }
            writer.member("inbox", true)
            writer.member("epoch", inboxPosition.epoch)
            writer.name("messages")
            writer.beginArray()
            for entry in page?.entries ?? [] { writer.raw(entry.frame.payload) }
            for message in provisional[page?.provisional ?? 0..<0] {
                var direct = JSONWriter()
                message.body.withUnsafeBytes { direct.provisionalDirect(body: DirectBody($0)?.frame ?? $0) }
                writer.raw(direct.bytes)
            }
            writer.endArray()
            writer.member("complete", page?.isComplete ?? true)
            writer.endObject()
            core.writer.removeAll()
            core.writer.raw(writer.bytes)
            core.answerReadWritten(info)
        }
    }

    /// Whether a device may read an entry: it got it, or sent it.
    private func isFor(_ info: ConnectionInfo, _ audience: Audience?) -> Bool {
        guard let audience, audience.sender != info.device else { return true }
        return audience.includes(device: info.device, type: info.deviceType)
    }

    var inboxPosition: Position {
        guard let log = user.openedInbox?.log else { return user.inboxPosition(of: core.ids.prefix) }
        return Position(epoch: log.epoch, seq: log.newestSeq)
    }

    /// Messages to the user that no device has acked, those that are kept for the store among them.
    var inboxPending: Int {
        (user.openedInbox?.pendingCount ?? 0) + sequencer.provisionalMessages.count { $0.user != id }
    }

    func acknowledgeInbox(_ position: Position, by info: ConnectionInfo) {
        switch sequencer {
        case .local: user.openedInbox?.acknowledged(position, device: info.namedDevice)
        case .replicated(let shared): shared.cursors.acknowledged(position, by: info.namedDevice)
        }
    }
}
