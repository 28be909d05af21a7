import Core

/// Who is online, for the HTTP API: on this node alone, or on all nodes of a cluster, each of which says whom it has.
///
/// Thread: the worker's.
struct OnlineDirectory {
    /// The users that workers and nodes name for a page.
    struct Found {
        var users: [OnlineUser]
        /// The names of nodes that did not answer, or can't be asked.
        var missing: [String] = []
    }

    let core: WorkerCore
    let surveys: Surveys
    /// nil in single mode.
    let replication: Replication?

    /// Users of all nodes above `cursor` by id, of each node one more than `limit` if it has so many; nil when too many
    /// questions are under way.
    func list(after cursor: Identifier?, limit: Int, _ completion: @escaping (Found?) -> Void) {
        surveys.findOnline(after: cursor, limit: limit) { here in
            guard let replication, !replication.otherNodes.isEmpty else { return completion(Found(users: here)) }
            let nodes = replication.otherNodes
            guard !replication.isStoreAway else {
                return completion(Found(users: here, missing: nodes.map(\.node).sorted()))
            }
            let isAsked = replication.online.put(
                to: Set(nodes.map(\.boot)), through: replication.store, at: core.loop.now
            ) { number in
                let question = OnlineQuestion(
                    answerChannel: replication.online.channel, number: number, boot: core.context.boot, after: cursor,
                    limit: limit)
                Self.publish(question.payload, on: OnlineQuestion.channel, replication)
            } finish: { answers in
                let missing = nodes.filter { answers.missing.contains($0.boot) }.map(\.node).sorted()
                completion(Found(users: here + answers.answers.values.flatMap(\.users), missing: missing))
            }
            if !isAsked { completion(nil) }
        }
    }

    /// Answers other nodes. To be called on one worker.
    func listen() {
        guard let replication else { return }
        replication.store.subscribe(OnlineQuestion.channel) { notice in
            guard case .message(let payload) = notice, let question = OnlineQuestion(payload),
                question.boot != core.context.boot
            else { return }
            surveys.findOnline(after: question.cursor, limit: question.limit) { here in
                let first = here.sorted { $0.user < $1.user }.prefix(question.limit + 1)
                let answer = OnlineAnswer(
                    question: question.number, boot: core.context.boot, users: Array(first))
                Self.publish(answer.payload, on: Array(question.answerChannel.utf8), replication)
            }
        }
    }

    private static func publish(_ payload: [UInt8], on channel: [UInt8], _ replication: Replication) {
        replication.store.perform(.publish(channel: channel, payload: payload), in: .reads) { _ in }
    }
}
