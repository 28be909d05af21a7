import Foundations
import Rooms
import WireProtocol

// What a worker does as the home of users: their devices, sessions and inboxes. On the home's thread.
extension Worker {
    func openUser(_ id: Identifier) -> User {
        if let home = users[id] { return home }
        let home = User(session: Session(id: makeName(), user: id), inboxEpoch: makeName())
        users[id] = home
        idleUsers.append(id, since: loop.unixNow)
        return home
    }

    private func inbox(of home: User) -> any MessageLog {
        home.openInbox(size: configuration.inboxSize)
    }

    // MARK: Connections

    /// A connection wants to be one of its user's.
    func attach(_ arrival: Arrival) {
        let home = openUser(arrival.user)
        let isReplacing = arrival.device.map { device in home.attendance.living.contains { $0.device == device } }
        if let most = configuration.connectionsPerUserMax, isReplacing != true, home.connectionCount >= most {
            post(to: arrival.worker) { $0.attachRefused(arrival.socketKey, .userLimit) }
            return
        }
        let now = loop.unixNow
        let lastActiveAt = home.session.lastActiveAt
        let isResumed = isSessionAlive(home)
        let session = isResumed ? home.session : home.beginSession(makeName())
        let info = ConnectionInfo(
            session: session, device: arrival.device ?? Identifier(unchecked: "d-" + makeName()),
            deviceType: arrival.deviceType, worker: arrival.worker, socketKey: arrival.socketKey, connectedAt: now)
        let welcome = WelcomeFrame.SessionState(
            id: session.id, isResumed: isResumed, messageCount: session.messageCount,
            lastActiveAt: isResumed && lastActiveAt > 0 ? lastActiveAt : nil)
        session.touched(at: now)
        let change = home.connected(info)
        if let replaced = change.replaced {
            post(to: replaced.worker) { $0.find(replaced)?.closeAsReplaced() }
        }
        if change.isNewDevice { tellDevices(of: home, about: info, isOnline: true) }

        let state = WelcomeFrame.InboxState(
            position: home.inboxPosition, pending: home.pendingCount)
        home.replayBegan(info)
        let cursor = home.cursor(of: info.device)
        let frames = inboxReplay(of: home, to: info, after: cursor)
        post(to: info.worker) { $0.attached(info, welcome, state, frames) }
    }

    private func isSessionAlive(_ home: User) -> Bool {
        if home.isOnline { return true }
        let lastActiveAt = home.session.lastActiveAt
        return lastActiveAt > 0 && loop.unixNow - lastActiveAt < configuration.sessionTTLMilliseconds
    }

    /// A part of an inbox for a connection, and where the next one begins.
    struct InboxReplay: Sendable {
        let frames: [FrameSlice]
        /// nil: this was all, and the connection is told live from now on.
        let nextAfter: UInt64?
    }

    private func inboxReplay(of home: User, to info: ConnectionInfo, after seq: UInt64) -> InboxReplay {
        guard let log = home.inbox else {
            home.replayEnded(info)
            return InboxReplay(frames: [], nextAfter: nil)
        }
        var frames: [FrameSlice] = []
        if log.oldestSeq > seq + 1 {
            writer.gap(room: nil, epoch: log.epoch, nextSeq: log.oldestSeq, reason: GapReason.trimmed.rawValue)
            frames.append(scratch.frame(.text, writer.bytes))
        }
        let entries = log.entries(after: seq, countMax: .max, byteCountMax: replayBytesMax)
        for entry in entries {
            if entry.audience?.includes(device: info.device, type: info.deviceType) == false { continue }
            frames.append(entry.frame)
        }
        if let last = entries.last?.seq, last < log.newestSeq {
            return InboxReplay(frames: frames, nextAfter: last)
        }
        home.replayEnded(info)
        return InboxReplay(frames: frames, nextAfter: nil)
    }

    /// A connection has taken what was sent of its inbox and wants the rest.
    func continueInboxReplay(_ info: ConnectionInfo, after seq: UInt64) {
        guard let home = users[info.user], home.isReplaying(info) else { return }
        let replay = inboxReplay(of: home, to: info, after: seq)
        post(to: info.worker) { $0.find(info)?.inboxReplayed(replay) }
    }

    /// A connection ended: at once for others, or with the grace.
    func detach(_ info: ConnectionInfo, atOnce: Bool) {
        guard let home = users[info.user] else { return }
        home.replayEnded(info)
        info.session.touched(at: loop.unixNow)
        if atOnce {
            if home.left(info) { wentOffline([info], home) }
        } else {
            let due = loop.now + configuration.presenceGraceMilliseconds
            if home.lost(info, graceEnd: due) { deadlines.add(.userGrace(user: info.user), at: due) }
        }
    }

    func userGraceEnded(_ id: Identifier) {
        guard let home = users[id] else { return }
        wentOffline(home.graceEnded(at: loop.now), home)
    }

    private func wentOffline(_ gone: [ConnectionInfo], _ home: User) {
        for info in gone where !home.attendance.entries.contains(where: { $0.info.device == info.device }) {
            tellDevices(of: home, about: info, isOnline: false)
        }
        if home.attendance.isEmpty { idleUsers.append(home.id, since: loop.unixNow) }
    }

    private func tellDevices(of home: User, about info: ConnectionInfo, isOnline: Bool) {
        let others = home.attendance.living.filter { $0 !== info }
        guard !others.isEmpty else { return }
        writer.device(info.device, type: info.deviceType, isOnline: isOnline)
        let frame = scratch.frame(.text, writer.bytes)
        for other in others { post(to: other.worker) { $0.deliver([frame], to: other) } }
    }

    // MARK: Direct messages

    /// A direct message on its way to the receiver's home.
    struct Direct: Sendable {
        let from: Identifier
        let to: Identifier
        /// The sending connection; nil when it came over HTTP.
        let sender: ConnectionInfo?
        let deviceType: String?
        let fields: OwnedMessageFields
    }

    /// What became of a direct message.
    struct DirectCommit: Sendable {
        let id: [UInt8]
        let position: Position
        let time: Int
        let isDuplicate: Bool
    }

    /// Commits a direct message to the receiver's inbox and has the sender's home keep a copy; the result is the
    /// position in the receiver's inbox.
    func commit(_ direct: Direct) -> DirectCommit {
        let home = openUser(direct.to)
        let log = inbox(of: home)
        return direct.fields.withFields { fields in
            if let id = fields.id, let known = id.withBytes({ home.known(direct.from, $0) }) {
                return DirectCommit(
                    id: Array(id.raw), position: known.position, time: known.time, isDuplicate: true)
            }
            let time = loop.unixNow
            let id = Array(fields.id?.raw ?? makeMessageID())
            let toOneself = direct.from == direct.to
            let position = append(direct, fields, id: id, at: time, to: home, log, isOwnCopy: toOneself)
            fields.id?.withBytes {
                home.remember(direct.from, $0, Committed(position: position, time: time))
            }
            counters.committed.add(1)
            direct.sender?.session.messageCommitted(at: time)
            if !toOneself {
                post(to: context.home(of: direct.from)) { $0.keepOwnCopy(of: direct, id: id, at: time) }
            }
            return DirectCommit(id: id, position: position, time: time, isDuplicate: false)
        }
    }

    /// Keeps a sent message in the sender's inbox, for the sender's other devices.
    private func keepOwnCopy(of direct: Direct, id: [UInt8], at time: Int) {
        let home = openUser(direct.from)
        let log = inbox(of: home)
        direct.fields.withFields { fields in
            _ = append(direct, fields, id: id, at: time, to: home, log, isOwnCopy: true)
        }
    }

    private func append(
        _ direct: Direct, _ fields: MessageFields, id: [UInt8], at time: Int, to home: User,
        _ log: any MessageLog, isOwnCopy: Bool
    ) -> Position {
        let position = Position(epoch: log.epoch, seq: log.newestSeq + 1)
        id.withUnsafeBytes { bytes in
            let head = MessageHead(
                id: bytes, user: direct.from, device: direct.sender?.device, position: position, time: time)
            writer.direct(to: direct.to, head, fields)
        }
        // The own copy is for all other devices; a restriction by type means the receiver's.
        let toOneself = direct.from == direct.to
        let type = isOwnCopy && !toOneself ? nil : direct.deviceType
        let audience = Audience(
            deviceType: type, sender: isOwnCopy ? direct.sender?.device : nil, isOwnCopy: isOwnCopy)
        let frame = log.append(writer.bytes, audience: audience, at: time)
        listForExpiry(home)
        for info in home.live where audience.includes(device: info.device, type: info.deviceType) {
            post(to: info.worker) { $0.deliver([frame], to: info) }
        }
        if home.attendance.isEmpty { idleUsers.append(home.id, since: loop.unixNow) }
        return position
    }

    /// Commits a direct message of a connection and acks it.
    func sendDirect(_ direct: Direct, from info: ConnectionInfo) {
        let commit = commit(direct)
        commit.id.withUnsafeBytes {
            writer.ack(
                .user(direct.to), id: $0, position: commit.position, time: commit.time,
                isDuplicate: commit.isDuplicate)
        }
        answerWritten(info, behind: nil)
    }

    func acknowledgeInbox(_ position: Position, _ info: ConnectionInfo) {
        users[info.user]?.acknowledged(position, device: info.device)
    }

    // MARK: Addresses

    /// Counts a connection from an address, if the limit allows one more.
    func admitAddress(_ address: Identifier, for key: UInt64, of worker: Int) {
        let count = addresses[address] ?? 0
        guard let most = configuration.connectionsPerAddressMax, count >= most else {
            addresses[address] = count + 1
            post(to: worker) { $0.addressAdmitted(address, key) }
            return
        }
        post(to: worker) { $0.attachRefused(key, .addressLimit) }
    }

    func releaseAddress(_ address: Identifier) {
        guard let count = addresses[address] else { return }
        addresses[address] = count > 1 ? count - 1 : nil
    }
}
