import ControlPlane
import Foundations
import NetworkIO
import Rooms

/// What a log asks the store, in the store's words. Completions get nil when the store refused, gave no answer, or gave
/// one that can't be read.
///
/// Thread: the home's; the store's completions come on it.
struct LogQuestions {
    /// What is asked of the store besides the log's place, each time as it is then.
    struct Terms {
        /// Entries that the store keeps.
        let entriesMax: () -> Int
        /// One of how many messages the store keeps.
        var storedOneOf: () -> Int = { 1 }
        /// Makes names that nothing else has.
        let makeEpoch: () -> String
    }

    let keys: LogKeys
    let store: any Store
    let limits: ReplicaLog.Limits
    let terms: Terms
    /// How long the store took to commit, once per message.
    let commitLatency: BucketHistogram

    /// Asks where the log stands, and has the store make it if it is not there, and keep it for another while.
    func place(_ ticket: ReplicaLog.Ticket, _ answered: @escaping (ReplicaLog.Place?) -> Void) {
        commit(ticket, [], storedOneOf: 1) { answer in
            answered(
                answer.map {
                    ReplicaLog.Place(epoch: $0.epoch, newestSeq: $0.newestSeq, unstoredFrom: $0.unstoredFrom)
                })
        }
    }

    /// Asks whether the history that the ticket names was deleted.
    func deletion(_ ticket: ReplicaLog.Ticket, _ answered: @escaping (Bool?) -> Void) {
        store.perform(DeletedHistories.question(keys)) { result in
            answered((try? result.get()).map { DeletedHistories.names(ticket.at.epoch, in: $0) })
        }
    }

    /// Reads entries behind `seq`, and the epoch behind them; that is nil when the log is not there.
    func range(
        after seq: UInt64, _ answered: @escaping ((entries: [ReplicaLog.Entry], epoch: String?)?) -> Void
    ) {
        var entries: [LogCommit.Entry]?
        store.perform(LogCommit.range(keys, after: seq, limit: ReplicaLog.rangeMax)) { result in
            entries = (try? result.get()).flatMap(LogCommit.entries)
        }
        store.perform(.hashGet(key: keys.place, field: Array("epoch".utf8))) { result in
            guard let entries, let reply = try? result.get() else { return answered(nil) }
            answered((entries.map(ReplicaLog.Entry.init), Self.text(reply)))
        }
    }

    /// Looks where the log stands, without a change; nil: it is not there.
    func look(_ answered: @escaping (Result<Position?, StoreFault>) -> Void) {
        let fields = ["epoch", "seq"].map { Array($0.utf8) }
        store.perform(.hashGetSome(key: keys.place, fields: fields)) { answered($0.map(Self.position)) }
    }

    /// Publishes a fence.
    func fence(_ name: String, _ answered: @escaping (Bool) -> Void) {
        store.perform(ClusterNotice.operation(keys, ClusterNotice(.fence, boot: name))) { result in
            answered((try? result.get()) != nil)
        }
    }

    /// Commits own messages. The answer has a result for each, or none when the history that the ticket names was
    /// deleted.
    func commit(
        _ ticket: ReplicaLog.Ticket, _ batch: [Submission], _ answered: @escaping (LogCommit.Answer?) -> Void
    ) {
        let messages = batch.map { message($0.user, $0.id, $0.time, $0.body) }
        // What was kept for the store was promised to be kept; no ack follows that could say otherwise.
        let storedOneOf = batch.first?.isProvisional == true ? 1 : terms.storedOneOf()
        let sentAt = Clock.monotonicNanoseconds()
        commit(ticket, messages, storedOneOf: storedOneOf) { [commitLatency] answer in
            if answer != nil {
                commitLatency.observe((Clock.monotonicNanoseconds() - sentAt) / 1000, times: messages.count)
            }
            answered(answer)
        }
    }

    /// Commits messages of a lost history again, as `commit` does.
    func restore(
        _ ticket: ReplicaLog.Ticket, _ batch: [KeptMessage], _ answered: @escaping (LogCommit.Answer?) -> Void
    ) {
        commit(ticket, batch.map { message($0.user, $0.id, $0.time, $0.body) }, storedOneOf: 1, answered)
    }

    private func commit(
        _ ticket: ReplicaLog.Ticket, _ messages: [LogCommit.Message], storedOneOf: Int,
        _ answered: @escaping (LogCommit.Answer?) -> Void
    ) {
        let terms = LogCommit.Terms(
            epoch: ticket.at.epoch, newestSeq: ticket.at.seq, newEpoch: terms.makeEpoch(),
            dedupeMilliseconds: limits.dedupeMilliseconds, entriesMax: terms.entriesMax(),
            keptMilliseconds: limits.keptMilliseconds, storedOneOf: storedOneOf)
        store.perform(LogCommit.operation(keys, terms, messages)) { result in
            let answer = (try? result.get()).flatMap(LogCommit.answer)
            let isReadable = answer.map { !$0.epoch.isEmpty && [0, messages.count].contains($0.results.count) }
            answered(isReadable == true ? answer : nil)
        }
    }

    private func message(_ user: Identifier, _ id: [UInt8], _ time: Int, _ body: [UInt8]) -> LogCommit.Message {
        LogCommit.Message(idKey: keys.id(user: user, id: id), time: time, body: body)
    }

    private static func position(_ reply: StoreReply) -> Position? {
        guard case .array(let fields) = reply, fields.count == 2, let epoch = text(fields[0]),
            let seq = text(fields[1]).flatMap({ UInt64($0) })
        else { return nil }
        return Position(epoch: epoch, seq: seq)
    }

    private static func text(_ reply: StoreReply) -> String? {
        if case .bytes(let text) = reply { String(decoding: text, as: UTF8.self) } else { nil }
    }
}

extension ReplicaLog.Entry {
    init(_ entry: LogCommit.Entry) {
        self.init(seq: entry.seq, body: entry.body, isStored: entry.isStored, unstoredFrom: entry.unstoredFrom)
    }
}
