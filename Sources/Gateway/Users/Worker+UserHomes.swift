import Foundations
import Rooms
import WireProtocol

// What a worker does as the home of users: their devices, sessions and inboxes. On the home's thread.
extension Worker {
    func openUser(_ id: Identifier) -> User {
        if let user = users.find(id) { return user }
        let user = User(id, number: makeNumber())
        users.insert(user)
        return user
    }

    private func openInbox(of user: User, _ id: Identifier) -> Inbox {
        user.openInbox(of: id, epoch: namePrefix, size: configuration.inboxSize)
    }

    // MARK: Connections

    /// A connection wants to be one of its user's.
    func attach(_ arrival: Arrival) {
        if let store { return attach(arrival, store) }
        guard users.contains(arrival.user) else { return attachFirst(arrival) }
        let user = openUser(arrival.user)
        let isReplacing = user.attendance.living.contains { $0.device == arrival.device }
        if let most = configuration.connectionsPerUserMax, !isReplacing, user.connectionCount >= most {
            post(to: arrival.worker) { $0.attachRefused(arrival.socketKey, .userLimit) }
            return
        }
        let session = user.openSession(notBefore: loop.unixNow - configuration.sessionTTLMilliseconds)
        let info = makeInfo(arrival)
        admit(info, to: user, tellsDevices: true)
        let sessionState = WelcomeFrame.SessionState(
            id: session.id, isResumed: session.isResumed, messageCount: session.messageCount,
            lastActiveAt: session.lastActiveAt)
        let inboxState = WelcomeFrame.InboxState(
            position: user.inboxPosition(of: namePrefix), pending: user.openedInbox?.pendingCount ?? 0)
        let replay = beginInboxReplay(of: user, to: info)
        post(to: info.worker) { $0.attached(info, sessionState, inboxState, replay) }
    }

    /// Takes a connection in; the one of the same device is replaced, the other devices are told of a new one.
    func admit(_ info: ConnectionInfo, to user: User, tellsDevices: Bool) {
        let change = user.connected(info)
        pushNotWanted(by: user.id)
        if let replaced = change.replaced {
            post(to: replaced.worker) { $0.find(replaced)?.closeAsReplaced() }
        }
        if change.isNewDevice, tellsDevices {
            tellDevices(of: user, about: info.device, type: info.deviceType, isOnline: true, except: info)
        }
    }

    /// The first connection of a user that is not known: there is nothing to tell and nobody to tell it to.
    private func attachFirst(_ arrival: Arrival) {
        let info = makeInfo(arrival)
        users.insert(first: info)
        let session = User.firstSession(number: info.userNumber)
        let sessionState = WelcomeFrame.SessionState(
            id: session.id, isResumed: session.isResumed, messageCount: session.messageCount,
            lastActiveAt: session.lastActiveAt)
        let inbox = WelcomeFrame.InboxState(
            position: Position(epoch: User.inboxEpoch(namePrefix, number: info.userNumber), seq: 0), pending: 0)
        post(to: info.worker) { $0.attached(info, sessionState, inbox, InboxReplay(frames: [], nextAfter: nil)) }
    }

    func makeInfo(_ arrival: Arrival, at time: Int? = nil) -> ConnectionInfo {
        ConnectionInfo(
            user: arrival.user, device: arrival.device ?? Identifier(unchecked: makeName(after: "d-")),
            deviceType: arrival.deviceType, worker: arrival.worker, socketKey: arrival.socketKey,
            connectedAt: time ?? loop.unixNow, userNumber: makeNumber(), windowBits: arrival.windowBits)
    }

    /// A part of an inbox for a connection, and where the next one begins.
    struct InboxReplay: Sendable {
        let frames: [FrameSlice]
        /// nil: this was all, and the connection is told live from now on.
        let nextAfter: UInt64?
    }

    func beginInboxReplay(of user: User, to info: ConnectionInfo) -> InboxReplay {
        guard let inbox = user.openedInbox else { return InboxReplay(frames: [], nextAfter: nil) }
        inbox.replayBegan(info)
        return replay(inbox, to: info, after: inbox.cursor(of: info.device))
    }

    private func replay(_ inbox: Inbox, to info: ConnectionInfo, after seq: UInt64) -> InboxReplay {
        let log = inbox.log
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
        inbox.replayEnded(info)
        return InboxReplay(frames: frames, nextAfter: nil)
    }

    /// A connection has taken what was sent of its inbox and wants the rest.
    func continueInboxReplay(_ info: ConnectionInfo, after seq: UInt64) {
        guard let inbox = users.find(info.user)?.openedInbox, inbox.isReplaying(info) else { return }
        let replay = replay(inbox, to: info, after: seq)
        post(to: info.worker) { $0.find(info)?.inboxReplayed(replay) }
    }

    /// A connection ended: at once for others, or with the grace.
    func detach(_ info: ConnectionInfo, atOnce: Bool) {
        guard let user = users.find(info.user) else { return }
        user.openedInbox?.replayEnded(info)
        if atOnce {
            if user.left(info, at: loop.unixNow) { wentOffline([info], user) }
        } else {
            let due = loop.now + configuration.presenceGraceMilliseconds
            if user.lost(info, graceEnd: due, at: loop.unixNow) {
                graces.append(.user(user: info.user), at: due)
            }
        }
    }

    func userGraceEnded(_ id: Identifier) {
        guard let user = users.find(id) else { return }
        wentOffline(user.graceEnded(at: loop.now), user)
    }

    private func wentOffline(_ gone: [ConnectionInfo], _ user: User) {
        let shared = sharedUsers[user.id]
        for info in gone where !user.attendance.entries.contains(where: { $0.info.device == info.device }) {
            guard shared?.isElsewhere(info.device) != true else { continue }
            tellDevices(of: user, about: info.device, type: info.deviceType, isOnline: false)
        }
        guard !gone.isEmpty else { return }
        shared?.devicesChanged()
        listIfIdle(user, user.id)
    }

    /// Tells a user's connections here that a device came or went.
    func tellDevices(
        of user: User, about device: Identifier, type: String?, isOnline: Bool, except info: ConnectionInfo? = nil
    ) {
        let others = user.attendance.living.filter { $0 !== info }
        guard !others.isEmpty else { return }
        writer.device(device, type: type, isOnline: isOnline)
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
        let receiver = openUser(direct.to)
        let inbox = openInbox(of: receiver, direct.to)
        return direct.fields.withFields { fields in
            if let id = fields.id, let known = id.withBytes({ inbox.known(direct.from, $0) }) {
                return DirectCommit(
                    id: Array(id.raw), position: known.position, time: known.time, isDuplicate: true)
            }
            let time = loop.unixNow
            let id = Array(fields.id?.raw ?? makeMessageID())
            let toOneself = direct.from == direct.to
            let position = append(direct, fields, id: id, at: time, to: receiver, inbox, isOwnCopy: toOneself)
            fields.id?.withBytes {
                inbox.remember(direct.from, $0, Committed(position: position, time: time))
            }
            counters.committed.add(1)
            if !toOneself { pushLater(receiver) }
            direct.sender?.messageCommitted(at: time)
            if !toOneself {
                post(to: context.home(of: direct.from)) { $0.keepOwnCopy(of: direct, id: id, at: time) }
            }
            return DirectCommit(id: id, position: position, time: time, isDuplicate: false)
        }
    }

    /// Keeps a sent message in the sender's inbox, for the sender's other devices.
    private func keepOwnCopy(of direct: Direct, id: [UInt8], at time: Int) {
        let sender = openUser(direct.from)
        let inbox = openInbox(of: sender, direct.from)
        direct.fields.withFields { fields in
            _ = append(direct, fields, id: id, at: time, to: sender, inbox, isOwnCopy: true)
        }
    }

    private func append(
        _ direct: Direct, _ fields: MessageFields, id: [UInt8], at time: Int, to user: User, _ inbox: Inbox,
        isOwnCopy: Bool
    ) -> Position {
        let position = Position(epoch: inbox.log.epoch, seq: inbox.log.newestSeq + 1)
        id.withUnsafeBytes { bytes in
            let head = MessageHead(
                id: bytes, user: direct.from, device: direct.sender?.device, time: time)
            writer.direct(to: direct.to, at: position, head, fields)
        }
        // The own copy is for all other devices; a restriction by type means the receiver's.
        let toOneself = direct.from == direct.to
        let type = isOwnCopy && !toOneself ? nil : direct.deviceType
        let audience = Audience(
            deviceType: type, sender: isOwnCopy ? direct.sender?.device : nil, isOwnCopy: isOwnCopy)
        let frame = inbox.log.append(writer.bytes, audience: audience, at: time)
        listForExpiry(inbox)
        for info in user.live where audience.includes(device: info.device, type: info.deviceType) {
            post(to: info.worker) { $0.deliver([frame], to: info) }
        }
        listIfIdle(user, inbox.user)
        return position
    }

    /// Commits a direct message of a connection and acks it.
    func sendDirect(_ direct: Direct, from info: ConnectionInfo) {
        if let store { return submit(direct, author: .connection(info), store) }
        let commit = commit(direct)
        commit.id.withUnsafeBytes {
            writer.ack(
                .user(direct.to), id: $0, position: commit.position, time: commit.time,
                isDuplicate: commit.isDuplicate)
        }
        answerWritten(info, behind: nil)
    }

    func acknowledgeInbox(_ position: Position, _ info: ConnectionInfo) {
        if let shared = sharedUsers[info.user] { return shared.acknowledged(position, by: info.device) }
        users.find(info.user)?.openedInbox?.acknowledged(position, device: info.device)
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
