import ControlPlane
import Foundations
import NetworkIO
import Rooms
import WireProtocol

// What a worker does for rooms whose history a cluster shares. On the home's thread.
extension Worker {
    /// How long a room that nobody is in is still followed, so that one who comes back at once finds it ready.
    static let sharedRoomLingerMilliseconds = 30_000
    /// How long ago a room must have been active to be looked after for a lost last message.
    private static let pollWindowMilliseconds = 60_000

    /// Has a new room follow its log.
    func follow(_ home: RoomHome) {
        guard let store else { return }
        let shared = SharedRoom(home, of: self)
        home.shared = shared
        shared.begin(store, isStoreAway: isStoreAway)
    }

    /// What the scripts of rooms and users are.
    static let scripts = [
        LogCommit.script, RoomPresence.script, RoomFacts.script, RoomFacts.settingsScript, RoomInfo.script,
        RoomDeletion.script, ReadMark.script, UserSession.script, InboxCursor.script, PushClaim.script,
    ]

    /// Sends what was submitted in this turn; for rooms, once what the tier says has been collected.
    func commitSubmitted() {
        if !roomsToCommit.isEmpty, isCommitDue {
            var position = 0
            while position < roomsToCommit.count {
                roomsToCommit[position].commitSubmitted()
                position += 1
            }
            roomsToCommit.removeAll(keepingCapacity: true)
        }
        for shared in usersToCommit { shared.commitSubmitted() }
        usersToCommit.removeAll(keepingCapacity: true)
    }

    private var isCommitDue: Bool {
        // Who is closed by a drain is to have its acks before.
        guard case .every(let milliseconds) = tierPolicy.storage, milliseconds > 0, !isDraining else {
            commitWindow.close()
            return true
        }
        switch commitWindow.asked(at: Clock.monotonicNanoseconds(), length: milliseconds * 1_000_000) {
        case .over: return true
        case .open(let end):
            if let end { commitTimer?.schedule(at: end) }
            return false
        }
    }

    /// One of how many messages of rooms the store is to keep now.
    var storedOneOf: Int { if case .sampled(let count) = tierPolicy.storage { count } else { 1 } }

    /// Takes a message to the shared log; false when it can't be kept.
    func submit(
        _ fields: MessageFields, user: Identifier, device: Identifier?, author: Submission.Author, to shared: SharedRoom
    ) -> Bool {
        let time = loop.unixNow
        let rawID = fields.id?.raw ?? makeMessageID()
        writer.messageBody(MessageHead(id: rawID, user: user, device: device, time: time), fields)
        let id = fields.id.map { $0.withBytes { Array($0) } } ?? Array(rawID)
        return shared.submit(
            Submission(
                user: user, id: id, rawID: Array(rawID), body: Array(writer.bytes), time: time, author: author))
    }

    /// Takes a member's message to the shared log.
    func submit(_ fields: MessageFields, from info: ConnectionInfo, in home: RoomHome, _ shared: SharedRoom) {
        let isTaken = submit(fields, user: info.user, device: info.device, author: .connection(info), to: shared)
        guard !isTaken else { return }
        counters.refused(.outboxFull)
        writer.error(
            .outboxFull, Self.outboxFullText, id: fields.id?.text,
            room: home.room.id, retryMilliseconds: Self.outboxRetryMilliseconds)
        answerWritten(info, behind: home)
    }

    static let outboxRetryMilliseconds = 2_000
    static let outboxFullText = "Redis is away and this node keeps as many messages as it can"

    /// Publishes over HTTP; the connection with that key, of the worker `origin`, gets the answer.
    func submit(
        _ fields: MessageFields, user: Identifier, in id: Identifier, for key: UInt64, of origin: Int
    ) {
        guard let shared = openRoom(id).shared else { return }
        let number = publicationNumber(for: key, of: origin)
        if !submit(fields, user: user, device: nil, author: .request(number), to: shared) {
            counters.refused(.outboxFull)
            answerPublication(number, .unavailable(Self.outboxFullText, retrySeconds: 2))
        }
    }

    /// A number under which a publishing request is answered later.
    func publicationNumber(for key: UInt64, of origin: Int) -> UInt64 {
        nextPublication += 1
        publications[nextPublication] = (origin, key)
        return nextPublication
    }

    /// Answers a publishing request, unless it was answered before.
    func answerPublication(_ number: UInt64, _ response: HTTPResponse) {
        guard let asked = publications.removeValue(forKey: number) else { return }
        post(to: asked.worker) { $0.answer(response, to: asked.key) }
    }

    /// Gives up waiting for what other nodes may have to say of who is in.
    func settlePresence() {
        while let first = toSettle.first, first.time <= loop.now {
            toSettle.removeFirst()
            first.element.settle()
        }
    }

    /// Every two seconds: looks after rooms in which something was said lately, and after users.
    func pollShared() {
        guard !isStoreAway else { return }
        pollSharedUsers()
        let since = loop.unixNow - Self.pollWindowMilliseconds
        for home in rooms.all {
            home.shared?.letInAtLast()
            home.shared?.refresh()
            if home.room.lastActiveAt >= since || home.shared?.isWaiting == true { home.shared?.poll() }
        }
    }
}

extension Worker: StoreLinkOwner {
    var messagesKept: Int { outbox.messages }

    /// The store can't be reached: rooms go on with what they have.
    func storeLost() {
        guard !isStoreAway else { return }
        isStoreAway = true
        for home in rooms.all { home.shared?.storeLost() }
        for shared in sharedUsers.values { shared.storeLost() }
    }

    /// The store can be reached again, or was out of reach so shortly that nobody was told: what waits is sent again.
    func storeReturned() {
        isStoreAway = false
        for home in rooms.all { home.shared?.storeReturned() }
        for shared in sharedUsers.values { shared.storeReturned() }
    }
}
