import ControlPlane
import Foundations
import Rooms

/// Whom presence is told. On the home's thread.
protocol PresenceObserver: AnyObject {
    /// Another node, or this one, said who is in the room with what.
    func presenceTold(_ change: RoomPresence.Change)
    /// All that the store knows of who is in the room; nil when it gave no answer.
    func presenceRead(_ entries: [RoomPresence.Change]?)
}

/// Who hears what nodes tell each other in passing. On the home's thread.
protocol NoticeObserver: AnyObject {
    /// Another node, or this one, says something that nobody keeps.
    func noticed(_ notice: ClusterNotice)
}

/// The channel of a room or user: brings its publications to the log, presence and notices to who observes them, and
/// asks the store for what is not the log's. While the store is away, or once closed, it asks for nothing.
///
/// Thread: the home's; the store's completions come on it.
final class LogChannel {
    let keys: LogKeys
    private let store: any Store
    private unowned let replica: ReplicaDriver
    private unowned let presence: any PresenceObserver
    private unowned let notices: any NoticeObserver

    init(_ replica: ReplicaDriver, presence: any PresenceObserver, notices: any NoticeObserver) {
        keys = replica.questions.keys
        store = replica.questions.store
        self.replica = replica
        self.presence = presence
        self.notices = notices
    }

    /// Begins to listen.
    func open() { store.subscribe(keys.channel) { [weak self] notice in self?.heard(notice) } }

    func close() { store.unsubscribe(keys.channel) }

    private var isAway: Bool { replica.log.isAway || replica.log.isClosed }

    private func heard(_ notice: StoreNotice) {
        switch notice {
        case .live: replica.subscribed()
        case .interrupted: replica.interrupted()
        case .message(let payload): if !isAway { heard(payload) }
        }
    }

    private func heard(_ payload: [UInt8]) {
        if let change = RoomPresence.publication(payload) { return presence.presenceTold(change) }
        if let notice = ClusterNotice(payload) {
            return notice.kind == .fence ? replica.fencePassed(notice.boot) : notices.noticed(notice)
        }
        guard LogCommit.isPublication(payload) else { return }
        guard let publication = LogCommit.publication(payload) else { return replica.doubted() }
        if publication.entries.isEmpty { return replica.epochBegan(publication.epoch) }
        for entry in publication.entries { replica.heard(ReplicaLog.Entry(entry), of: publication.epoch) }
    }

    // MARK: What is not the log's

    /// Says what a user is in the room with on this node; an empty record: with nothing any more.
    func tellPresence(of user: Identifier, boot: String, record: [UInt8]) {
        guard !isAway else { return }
        store.perform(RoomPresence.operation(keys, boot: boot, user: user, record: record)) { _ in }
    }

    /// Asks who is in the room on all nodes.
    func readPresence() {
        guard !isAway else { return }
        store.perform(RoomPresence.all(keys)) { [weak self] result in
            guard let self, !isAway else { return }
            presence.presenceRead((try? result.get()).flatMap(RoomPresence.entries))
        }
    }

    /// Says something to the other nodes that nobody keeps.
    func tell(_ notice: ClusterNotice) { ask(ClusterNotice.operation(keys, notice)) { _ in } }

    /// Asks the store for something else about the room or user; without an answer when the store is away, or when the
    /// log was closed meanwhile.
    func ask(_ operation: StoreOperation, _ answered: @escaping (StoreReply) -> Void) {
        guard !isAway else { return }
        store.perform(operation) { [weak self] result in
            if let self, !replica.log.isClosed, case .success(let reply) = result { answered(reply) }
        }
    }
}
