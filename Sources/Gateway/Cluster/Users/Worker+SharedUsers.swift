import ControlPlane
import Foundations
import Rooms
import WireProtocol

// What a worker does for users whose inbox and devices a cluster shares. On the home's thread.
extension Worker {
    /// How long a user who is not connected here is still followed.
    static let sharedUserLingerMilliseconds = 30_000
    /// How long ago a user must have been needed to be looked after for a lost last message.
    private static let pollWindowMilliseconds = 60_000

    /// A user as the cluster has it; to be called when there is a store.
    func openShared(_ id: Identifier, _ store: any Store) -> SharedUser {
        if let shared = sharedUsers[id] { return shared }
        let user = openUser(id)
        let shared = SharedUser(user, of: self)
        sharedUsers[id] = shared
        shared.begin(store, isStoreAway: isStoreAway)
        listIfIdle(user, id)
        return shared
    }

    /// A user is followed no longer, if nothing speaks against it.
    func closeIfIdle(_ shared: SharedUser) -> Bool {
        guard shared.isIdle, loop.now - shared.usedAt >= Self.sharedUserLingerMilliseconds else { return false }
        shared.end()
        sharedUsers[shared.user.id] = nil
        users.remove(shared.user.id)
        return true
    }

    // MARK: Connections

    /// A connection wants to be one of its user's: it gets its session from the store, and its inbox behind that.
    func attach(_ arrival: Arrival, _ store: any Store) {
        let shared = openShared(arrival.user, store)
        let time = loop.unixNow
        shared.askSession { [weak self] session in
            shared.whenReady { self?.attachIfThere(arrival, at: time, session) }
        }
    }

    /// One that has gone while it waited would replace a later connection of its device.
    private func attachIfThere(_ arrival: Arrival, at unixTime: Int, _ session: WelcomeFrame.SessionState) {
        let home = index
        post(to: arrival.worker) { asked in
            guard asked.isOpening(arrival.socketKey) else { return }
            asked.post(to: home) { home in
                guard let shared = home.sharedUsers[arrival.user] else { return home.attach(arrival) }
                home.attach(arrival, at: unixTime, to: shared, session)
            }
        }
    }

    private func attach(
        _ arrival: Arrival, at unixTime: Int, to shared: SharedUser, _ session: WelcomeFrame.SessionState
    ) {
        let user = shared.user
        let elsewhere = shared.devicesElsewhere
        let isElsewhere = elsewhere.contains { $0.device == arrival.device }
        let isReplacing = isElsewhere || user.attendance.living.contains { $0.device == arrival.device }
        let count = user.connectionCount + elsewhere.count
        if let most = configuration.connectionsPerUserMax, !isReplacing, count >= most {
            return post(to: arrival.worker) { $0.attachRefused(arrival.socketKey, .userLimit) }
        }
        guard let time = shared.timeOfArrival(of: arrival.device, at: unixTime) else {
            return post(to: arrival.worker) { $0.attachReplaced(arrival.socketKey) }
        }
        let info = makeInfo(arrival, at: time)
        admit(info, to: user, tellsDevices: !isElsewhere)
        shared.devicesChanged()
        expire(shared.inbox)
        let inbox = WelcomeFrame.InboxState(
            position: Position(epoch: shared.inbox.log.epoch, seq: shared.inbox.log.newestSeq),
            pending: shared.inbox.pendingCount)
        let replay = beginInboxReplay(of: user, to: info)
        post(to: info.worker) { $0.attached(info, session, inbox, replay) }
    }

    // MARK: Direct messages

    /// Takes a direct message to the receiver's shared inbox, and a copy to the sender's own.
    func submit(_ direct: Direct, author: Submission.Author, _ store: any Store) {
        let shared = openShared(direct.to, store)
        let submission = direct.fields.withFields { makeSubmission(of: direct, $0, author) }
        guard shared.submit(submission) else { return refuseDirect(direct, author) }
        guard direct.from != direct.to else { return }
        let copy = Submission(
            user: submission.user, id: submission.id, rawID: submission.rawID, body: submission.body,
            time: submission.time, author: .nobody)
        post(to: context.home(of: direct.from)) { home in
            guard let store = home.store else { return }
            _ = home.openShared(direct.from, store).submit(copy)
        }
    }

    private func makeSubmission(
        of direct: Direct, _ fields: MessageFields, _ author: Submission.Author
    ) -> Submission {
        let time = loop.unixNow
        let rawID = fields.id?.raw ?? makeMessageID()
        let device = direct.sender?.device
        writer.directBody(
            to: direct.to, MessageHead(id: rawID, user: direct.from, device: device, time: time), fields)
        let meaning = fields.id.map { $0.withBytes { Array($0) } } ?? Array(rawID)
        return Submission(
            user: direct.from, id: KeptMessage.directID(meaning, to: direct.to), rawID: Array(rawID),
            body: DirectBody.bytes(frame: writer.bytes, device: device, deviceType: direct.deviceType), time: time,
            author: author)
    }

    private func refuseDirect(_ direct: Direct, _ author: Submission.Author) {
        counters.refused(.outboxFull)
        switch author {
        case .connection(let info):
            direct.fields.withFields { fields in
                writer.error(
                    .outboxFull, Self.outboxFullText, id: fields.id?.text, room: nil,
                    retryMilliseconds: Self.outboxRetryMilliseconds)
            }
            answerWritten(info, behind: nil)
        case .request(let number):
            answerPublication(number, .unavailable(Self.outboxFullText, retrySeconds: 2))
        case .nobody: break
        }
    }

    // MARK: Time

    /// Every two seconds: tells of sessions, and looks after users of whom something was heard lately.
    func pollSharedUsers() {
        let since = loop.now - Self.pollWindowMilliseconds
        for shared in sharedUsers.values { shared.poll(isActive: shared.usedAt >= since) }
    }
}
