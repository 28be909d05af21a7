import Foundations
import Rooms

// What a worker forgets in time.
extension Worker {
    /// Rooms and users looked at per second, so that a large number of them never makes a long turn.
    private static let expiriesPerSecond = 10_000
    /// Rooms without anybody in that are kept per worker; beyond, the one that is idle longest goes.
    private static let emptyRoomsMax = 100_000
    /// Users without a connection that are kept per worker for their inbox or session; beyond, the one that is away
    /// longest goes.
    private static let absentUsersMax = 100_000

    /// Gives up what was lost and whose grace is over.
    func endGraces() {
        while let first = graces.first, first.time <= loop.now {
            graces.removeFirst()
            switch first.element {
            case .room(let room, let user): roomGraceEnded(room, user)
            case .user(let user): userGraceEnded(user)
            }
        }
    }

    /// Once a second.
    func expireIdle() {
        expireIdleRooms()
        expireIdleUsers()
        expireIDs()
    }

    /// Rooms that nobody is in go HISTORY_TTL_SECONDS after their last message or visit, and earlier when there are
    /// more than `emptyRoomsMax`. What the store keeps need not be kept here: of that, this node only stops to follow.
    private func expireIdleRooms() {
        let kept = store == nil ? configuration.historyTTLMilliseconds : Self.sharedRoomLingerMilliseconds
        let before = loop.unixNow - kept
        for _ in 0..<Self.expiriesPerSecond {
            guard let first = idleRooms.first, first.time <= before || idleRooms.count > Self.emptyRoomsMax else {
                return
            }
            idleRooms.removeFirst()
            guard let home = rooms[first.element] else { continue }
            home.isListedAsIdle = false
            guard home.room.isEmpty else { continue }
            let isPressed = idleRooms.count >= Self.emptyRoomsMax
            if let shared = home.shared {
                if shared.isIdle {
                    shared.end()
                    rooms[first.element] = nil
                } else {
                    listIfIdle(home)
                }
            } else if home.room.lastActiveAt > first.time, !isPressed {
                // Somebody was here since; it gets its turn by that time.
                listIfIdle(home)
            } else if home.room.isConfigured, !isPressed {
                home.room.forgetHistory(newEpoch: makeName(), at: loop.unixNow)
                listIfIdle(home)
            } else {
                rooms[first.element] = nil
            }
        }
    }

    /// Users that are away go when their inbox is empty and their session over.
    private func expireIdleUsers() {
        let kept = store == nil ? configuration.sessionTTLMilliseconds : Self.sharedUserLingerMilliseconds
        let before = loop.unixNow - kept
        for _ in 0..<Self.expiriesPerSecond {
            guard let first = idleUsers.first, first.time <= before || idleUsers.count > Self.absentUsersMax else {
                return
            }
            idleUsers.removeFirst()
            guard let user = users.find(first.element) else { continue }
            user.isListedAsIdle = false
            guard user.attendance.isEmpty else { continue }
            if let shared = sharedUsers[first.element] {
                if !closeIfIdle(shared) { listIfIdle(user, first.element) }
                continue
            }
            let isPressed = idleUsers.count >= Self.absentUsersMax
            if let inbox = user.openedInbox { expire(inbox) }
            let isRecent = user.lastActiveAt > before
            if !isPressed, isRecent || !user.isForgettable {
                listIfIdle(user, first.element)
            } else {
                users.remove(first.element)
            }
        }
    }

    /// Message ids and old inbox entries of all rooms and users that have such.
    private func expireIDs() {
        let idsBefore = loop.unixNow - configuration.dedupeWindowMilliseconds
        for home in roomsWithIDs { home.room.expireIDs(before: idsBefore) }
        roomsWithIDs.removeAll { home in
            home.isListedForIDs = home.room.hasKnownIDs && rooms[home.room.id] === home
            return !home.isListedForIDs
        }
        for inbox in usedInboxes { expire(inbox) }
        usedInboxes.removeAll { inbox in
            inbox.isListedForExpiry = !inbox.isEmpty && users.find(inbox.user)?.openedInbox === inbox
            return !inbox.isListedForExpiry
        }
    }

    /// Remembers a room that nobody is in.
    func listIfIdle(_ home: RoomHome) {
        guard home.room.isEmpty, !home.isListedAsIdle else { return }
        home.isListedAsIdle = true
        idleRooms.append(home.room.id, at: home.room.lastActiveAt)
    }

    /// Remembers a user that is away.
    func listIfIdle(_ user: User, _ id: Identifier) {
        guard user.attendance.isEmpty, !user.isListedAsIdle else { return }
        user.isListedAsIdle = true
        idleUsers.append(id, at: loop.unixNow)
    }

    /// Remembers that a room has ids to forget.
    func listForIDs(_ home: RoomHome) {
        guard !home.isListedForIDs else { return }
        home.isListedForIDs = true
        roomsWithIDs.append(home)
    }

    /// Remembers that an inbox has entries or ids to forget.
    func listForExpiry(_ inbox: Inbox) {
        guard !inbox.isListedForExpiry else { return }
        inbox.isListedForExpiry = true
        usedInboxes.append(inbox)
    }

    /// Forgets what an inbox has kept for too long.
    func expire(_ inbox: Inbox) {
        inbox.expire(
            idsBefore: loop.unixNow - configuration.dedupeWindowMilliseconds,
            entriesBefore: loop.unixNow - configuration.inboxTTLMilliseconds)
    }
}
