import ClusterState
import Core
import NetworkIO
import Rooms

/// Who is notified of presence. On the home's thread.
protocol PresenceObserver: AnyObject {
    /// Another node, or this one, said who is in the room with what; nil: what it said can't be read.
    func presenceHeard(_ change: RoomPresence.Change?)
    /// All that the store knows of who is in the room has been read, or it gave no answer.
    func presenceRead()
}

/// Who hears what nodes say to each other in passing. On the home's thread.
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
    let store: any Store
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

    var isAway: Bool { replica.log.isAway || replica.log.isClosed }

    private func heard(_ notice: StoreNotice) {
        switch notice {
        case .live: replica.subscribed()
        case .interrupted: replica.interrupted()
        case .message(let payload): if !isAway { heard(ChannelMessage(payload)) }
        }
    }

    private func heard(_ message: ChannelMessage) {
        switch message {
        case .presence(let change): presence.presenceHeard(change)
        case .notice(let notice):
            if notice.kind == .fence { replica.fencePassed(notice.boot) } else { notices.noticed(notice) }
        case .entries(let publication):
            if publication.entries.isEmpty { return replica.epochBegan(publication.epoch) }
            for entry in publication.entries { replica.heard(ReplicaLog.Entry(entry), of: publication.epoch) }
        case .unknown:
            replica.doubted()
            presence.presenceHeard(nil)
        }
    }

    /// The store may have lost the log, and said nothing: looks, and opens it again if it has.
    func lookAtLog() { replica.doubtsPosition() }

    // MARK: What is not the log's

    /// All that the store knows of who is in the room has been read, or it gave no answer.
    func presenceRead() { if !isAway { presence.presenceRead() } }

    /// Says something to the other nodes that nobody keeps.
    func publish(_ notice: ClusterNotice) { ask(ClusterNotice.operation(keys, notice)) { _ in } }

    /// Asks the store for something else about the room or user; without an answer when the store is away, or when the
    /// log was closed meanwhile.
    func ask(_ operation: StoreOperation, _ answered: @escaping (StoreReply) -> Void) {
        guard !isAway else { return }
        store.perform(operation) { [weak self] result in
            if let self, !replica.log.isClosed, case .success(let reply) = result { answered(reply) }
        }
    }
}
