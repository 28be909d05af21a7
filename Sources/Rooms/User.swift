import Core
import WireProtocol

/// A user at its home: the connections on this node, the session, and the inbox with each device's place in it.
///
/// Pure: time comes in, effects are results. Small, because there is one for every connected user; what only an inbox
/// needs comes with the inbox. Thread: the home worker's.
package final class User {
    package let id: Identifier
    /// A number that no other user of the home's worker had before.
    private let number: UInt32
    /// Sessions begun so far.
    @exclusivity(unchecked) private var sessionNumber: UInt16 = 0
    /// In its home's list of users that are away.
    @exclusivity(unchecked) package var isListedAsIdle = false
    /// Messages that closed connections of the session committed.
    @exclusivity(unchecked) private var formerCommits: UInt32 = 0
    /// The last connect, disconnect or commit of connections that are gone, in Unix milliseconds.
    @exclusivity(unchecked) private var formerActiveAt = 0
    /// When the last connection that is gone went, in loop milliseconds; nil before the first.
    @exclusivity(unchecked) package private(set) var leftAt: Int?
    @exclusivity(unchecked) package private(set) var attendance = Attendance.none
    @exclusivity(unchecked) private var inbox: Inbox?
    /// Devices with a name that were here while there was no inbox: they have processed nothing of it. At most
    /// `Inbox.cursorsMax`, the most recent ones.
    @exclusivity(unchecked) private var formerDevices: [Identifier] = []

    package init(_ id: Identifier, number: UInt32) {
        self.id = id
        self.number = number
    }

    /// The user of a connection that is the first of its session, under the number that it was given for that.
    package init(_ info: ConnectionInfo) {
        id = info.user
        number = info.userNumber
        sessionNumber = 1
        attendance.joined(info)
    }

    // MARK: Session

    /// A user's doings over all connections since the first of them came; kept for a while after the last one went.
    package struct Session {
        package let id: String
        /// Another connection is there, or was not long ago.
        package let isResumed: Bool
        /// Room and direct messages that were committed.
        package let messageCount: Int
        /// The last connect, disconnect or commit before now, in Unix milliseconds.
        package let lastActiveAt: Int?
    }

    /// The session that a connection which comes now belongs to; a new one when the former is older than `oldest`
    /// (loop milliseconds). Call it before `connected`.
    package func openSession(notBefore oldest: Int) -> Session {
        let isAlive = attendance.livingCount > 0 || leftAt.map { $0 >= oldest } ?? false
        if !isAlive {
            sessionNumber &+= 1
            formerCommits = 0
        }
        return Session(
            id: Self.sessionID(number, sessionNumber), isResumed: isAlive, messageCount: commitCount,
            lastActiveAt: isAlive ? lastActiveAt : nil)
    }

    /// The session that begins with the first connection of a user who is not known.
    package static func firstSession(number: UInt32) -> Session {
        Session(id: sessionID(number, 1), isResumed: false, messageCount: 0, lastActiveAt: nil)
    }

    private static func sessionID(_ number: UInt32, _ session: UInt16) -> String {
        var name = NameText()
        name.append("s")
        name.append(UInt64(number))
        name.append("-")
        name.append(UInt64(session))
        return name.text
    }

    package var lastActiveAt: Int { attendance.living.reduce(formerActiveAt) { max($0, $1.lastActiveAt) } }

    /// Messages committed by all connections so far.
    package var commitCount: Int { attendance.living.reduce(Int(formerCommits)) { $0 + $1.commitCount } }

    private func closed(_ info: ConnectionInfo, at moment: Moment) {
        formerCommits &+= UInt32(info.commitCount)
        formerActiveAt = max(moment.unix, formerActiveAt)
        leftAt = moment.now
        inbox?[info] = nil
        guard inbox == nil, info.isDeviceNamed, !formerDevices.contains(info.device) else { return }
        formerDevices.append(info.device)
        if formerDevices.count > Inbox.cursorsMax { formerDevices.removeFirst() }
    }

    // MARK: Connections

    package var connectionCount: Int { attendance.livingCount }

    package struct Attached {
        /// The connection of the same device that must be closed.
        package let replaced: ConnectionInfo?
        /// The user's other devices must hear of it.
        package let isNewDevice: Bool
    }

    /// - Parameter now: loop milliseconds.
    package func connected(_ info: ConnectionInfo, at now: Int) -> Attached {
        let replaced = attendance.living.first { $0.device == info.device }
        if let replaced {
            closed(replaced, at: Moment(now: now, unix: info.connectedAt))
            attendance.left(replaced)
        }
        let isNew = attendance.joined(info)
        return Attached(replaced: replaced, isNewDevice: isNew && replaced == nil)
    }

    /// A connection was lost; its device counts as online until `graceEnd` (loop milliseconds). False when
    /// it was replaced before.
    package func lost(_ info: ConnectionInfo, graceEnd: Int, at moment: Moment) -> Bool {
        guard attendance.isLiving(info) else { return false }
        closed(info, at: moment)
        attendance.lost(info, graceEnd: graceEnd)
        return true
    }

    /// A connection was ended by an operator. False when it was replaced before.
    package func left(_ info: ConnectionInfo, at moment: Moment) -> Bool {
        guard attendance.isLiving(info) else { return false }
        closed(info, at: moment)
        attendance.left(info)
        return true
    }

    /// Devices that are offline now, because their grace is over.
    package func graceEnded(at now: Int) -> [ConnectionInfo] { attendance.expire(at: now) }

    // MARK: Inbox

    /// The newest entry; `epoch` names the worker, so that the whole is unique.
    package func inboxPosition(of epoch: String) -> Position {
        Position(epoch: inboxEpoch(epoch), seq: inbox?.log.newestSeq ?? 0)
    }

    private func inboxEpoch(_ prefix: String) -> String { Self.inboxEpoch(prefix, number: number) }

    /// The name of the inbox of the user with this number.
    package static func inboxEpoch(_ prefix: String, number: UInt32) -> String {
        var name = NameText()
        name.append(prefix)
        name.append("-")
        name.append(UInt64(number))
        return name.text
    }

    /// The inbox if something was ever sent to or by the user.
    package var openedInbox: Inbox? { inbox }

    /// The inbox, made at the first use. Whoever is connected then, or was before, has all of it to come.
    package func openInbox(of id: Identifier, epoch prefix: String, size: Int, in stored: StoredMessages) -> Inbox {
        if let inbox { return inbox }
        let opened = Inbox(user: id, epoch: inboxEpoch(prefix), size: size, in: stored)
        inbox = opened
        for device in formerDevices { opened.came(device) }
        formerDevices = []
        for info in attendance.living {
            if info.isDeviceNamed { opened.came(info.device) }
            var reader = InboxReader(info)
            reader.placed(at: opened.beginning, in: opened.log)
            opened.readers.append(reader)
        }
        return opened
    }

    /// Devices are remembered, though nobody is connected.
    package var remembersDevices: Bool { !formerDevices.isEmpty || inbox?.allCursors.isEmpty == false }

    /// Forgets the places of all devices, if the user is away.
    package func forgetDevices() {
        guard attendance.isEmpty else { return }
        formerDevices = []
        inbox?.forgetCursors()
    }

    /// Whether no message would be lost if the user were forgotten, and no id.
    package var isForgettable: Bool { attendance.isEmpty && (inbox?.isEmpty ?? true) }
}
