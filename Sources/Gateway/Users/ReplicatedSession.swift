import ClusterState
import Core
import Rooms
import WireProtocol

/// The session of a cluster's user, which the store keeps, as this node knows it. Thread: the home worker's.
final class ReplicatedSession {
    typealias Answer = WelcomeFrame.SessionState

    private unowned let replicated: ReplicatedUser
    private var id: String?
    /// As the store last had it.
    private var messageCount = 0
    private var lastActiveAt: Int?
    /// How many of the user's commits were published to the store.
    private var publishedCommits = 0
    /// Connections that wait for an answer of the store.
    private var waiting: [Int: (Answer) -> Void] = [:]
    private var lastWaiting = 0

    init(of replicated: ReplicatedUser) { self.replicated = replicated }

    private var user: User { replicated.user }
    private var core: WorkerCore { replicated.core }

    /// Somebody waits for an answer.
    var isAsking: Bool { !waiting.isEmpty }

    /// Asks for the session of a connection that comes. With the store away this node's own knowledge has to do.
    func ask(_ completion: @escaping (Answer) -> Void) {
        replicated.use()
        guard !replicated.replication.isStoreAway else { return completion(own) }
        lastWaiting += 1
        let number = lastWaiting
        waiting[number] = completion
        talk { [weak self] answer in
            guard let self, let completion = waiting.removeValue(forKey: number) else { return }
            completion(answer.map(state) ?? own)
        }
    }

    /// This node's own knowledge.
    private var own: Answer {
        let isResumed = id != nil
        let known = id ?? core.makeID(after: "s-")
        id = known
        return Answer(
            id: known, isResumed: isResumed, messageCount: messageCount + unpublished,
            lastActiveAt: isResumed ? max(lastActiveAt ?? 0, user.lastActiveAt) : nil)
    }

    /// The user's commits here of which the store does not know.
    private var unpublished: Int { user.commitCount - publishedCommits }

    private func state(_ answer: UserSession) -> Answer {
        Answer(
            id: answer.id, isResumed: answer.isResumed, messageCount: answer.messageCount + unpublished,
            lastActiveAt: answer.lastActiveAt)
    }

    /// Publishes how many messages were committed since the last time, if there are some.
    func publish() {
        guard unpublished > 0, !replicated.replication.isStoreAway else { return }
        talk { _ in }
    }

    /// The last device has gone: from now on the session runs out.
    func paused() {
        guard !replicated.replication.isStoreAway else { return }
        talk { _ in }
    }

    private func talk(_ completion: @escaping (UserSession?) -> Void) {
        let messages = unpublished
        publishedCommits += messages
        let ago = user.attendance.isEmpty ? user.leftAt.map { core.loop.now - $0 } : 0
        let news = UserSession.News(
            messages: messages, lastActiveAgo: ago, newID: id ?? core.makeID(after: "s-"))
        let operation = UserSession.operation(
            replicated.keys, news, ttl: core.configuration.sessionTTLMilliseconds)
        replicated.replication.store.perform(operation) { [weak self] result in
            guard let self else { return }
            let answer = (try? result.get()).flatMap(UserSession.init)
            if let answer { remember(answer) } else { publishedCommits -= messages }
            completion(answer)
        }
    }

    private func remember(_ answer: UserSession) {
        id = answer.id
        messageCount = answer.messageCount
        lastActiveAt = answer.lastActiveAt
    }

    func storeLost() {
        let asked = waiting.sorted { $0.key < $1.key }.map(\.value)
        waiting = [:]
        for completion in asked { completion(own) }
    }

    func storeReturned() {
        if id != nil, !user.attendance.isEmpty || unpublished > 0 { talk { _ in } }
    }
}
