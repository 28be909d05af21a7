import ClusterState
import Core
import NetworkIO
import Rooms
import WireProtocol

/// The questions of a log to the store, in the store's words. Completions get nil when the store refused, gave no
/// answer, or gave one that can't be read.
///
/// Thread: the home's; the store's completions come on it.
struct LogQuestions {
    /// The terms of a question besides the log's place, each time as they are then.
    struct Terms {
        /// Entries that the store keeps.
        let entriesMax: () -> Int
        /// One of how many messages the store keeps.
        var storedOneOf: () -> Int = { 1 }
        /// Makes names that nothing else has.
        let makeID: () -> String
    }

    let keys: LogKeys
    let store: any Store
    let limits: ReplicaLog.Limits
    let terms: Terms
    /// How long the store took to commit, once per message.
    let commitLatency: BucketHistogram

    /// Asks where the log stands, and has the store make it if it is not there.
    /// - Parameters:
    ///   - isAwaited: whether messages wait for it.
    ///   - forks: whether another epoch must begin, should the store have the one that the ticket names.
    func place(
        _ ticket: ReplicaLog.Ticket, _ lineage: Lineage, isAwaited: Bool, forks: Bool,
        _ answered: @escaping (ReplicaLog.Place?) -> Void
    ) {
        let lane: StoreLane = isAwaited ? .reads : .background
        guard !forks, !ticket.at.epoch.isEmpty else {
            return keep(ticket, lineage, forks: forks, in: lane, answered)
        }
        // Mostly it is where it was, which costs the store a tenth of the script.
        store.perform(Self.placeQuestion(keys), in: lane) { result in
            guard case .success(let reply) = result else { return answered(nil) }
            guard let place = Self.place(reply), place.epoch == ticket.at.epoch, place.newestSeq >= ticket.at.seq else {
                return keep(ticket, lineage, in: .reads, answered)
            }
            answered(place)
        }
    }

    /// As `place`, and has the store keep the log for another while.
    func keep(
        _ ticket: ReplicaLog.Ticket, _ lineage: Lineage, forks: Bool = false, in lane: StoreLane = .background,
        _ answered: @escaping (ReplicaLog.Place?) -> Void
    ) {
        let name = terms.makeID()
        perform(ticket, [], named: name, storedOneOf: 1, lineage: lineage, forks: forks, in: lane) { answer in
            answered(
                answer.map {
                    ReplicaLog.Place(
                        epoch: $0.epoch, newestSeq: $0.newestSeq, unstoredFrom: $0.unstoredFrom, lineage: $0.lineage)
                })
        }
    }

    /// Asks whether the history that the ticket names was deleted.
    func deletion(_ ticket: ReplicaLog.Ticket, _ answered: @escaping (Bool?) -> Void) {
        store.perform(DeletedHistories.question(keys), in: .reads) { result in
            answered((try? result.get()).map { DeletedHistories.names(ticket.at.epoch, in: $0) })
        }
    }

    /// Reads entries behind `seq`.
    func range(after seq: UInt64, _ answered: @escaping (ReplicaLog.Range?) -> Void) {
        store.perform(LogRange.operation(keys, after: seq), in: .reads) { result in
            let answer = (try? result.get()).flatMap(LogRange.answer)
            answered(
                answer.map {
                    ReplicaLog.Range(
                        $0.entries.map(ReplicaLog.Entry.init(stored:)), of: $0.epoch,
                        tail: $0.tail.map { ReplicaLog.Tail(commit: $0.commit) })
                })
        }
    }

    /// Looks where the log stands, without a change; nil: it is not there.
    func look(_ answered: @escaping (Result<ReplicaLog.Place?, StoreFault>) -> Void) {
        store.perform(Self.placeQuestion(keys), in: .background) { answered($0.map(Self.place)) }
    }

    private static func placeQuestion(_ keys: LogKeys) -> StoreOperation {
        .hashGetSome(key: keys.place, fields: ["epoch", "seq", "unstored", "lineage"].map { Array($0.utf8) })
    }

    /// Publishes a fence.
    func fence(_ name: String, _ answered: @escaping (Bool) -> Void) {
        store.perform(ClusterNotice.operation(keys, ClusterNotice(.fence, boot: name)), in: .reads) { result in
            answered((try? result.get()) != nil)
        }
    }

    /// Commits own messages. The answer has a result for each, or none when the history that the ticket names was
    /// deleted.
    /// - Parameter name: of `Terms.makeID`; all that it commits bears it.
    func commit(
        _ ticket: ReplicaLog.Ticket, _ lineage: Lineage, _ batch: [Submission], named name: String,
        _ answered: @escaping (LogCommit.Outcome?) -> Void
    ) {
        let messages = batch.map {
            message($0.user, $0.id, $0.time, $0.body, isKept: $0.isProvisional, fence: $0.fence)
        }
        // What was kept for the store was promised to be kept; no ack follows that could say otherwise.
        let storedOneOf = batch.first?.isProvisional == true ? 1 : terms.storedOneOf()
        let sentAt = Clock.monotonicNanoseconds()
        perform(ticket, messages, named: name, storedOneOf: storedOneOf, lineage: lineage) { [commitLatency] answer in
            if answer != nil {
                commitLatency.observe((Clock.monotonicNanoseconds() - sentAt) / 1000, times: messages.count)
            }
            answered(answer)
        }
    }

    /// Commits messages of a lost history again, as `commit` does, and before those that wait here.
    func restore(
        _ ticket: ReplicaLog.Ticket, _ lineage: Lineage, _ batch: [(message: KeptMessage, was: [Position])],
        named name: String, _ answered: @escaping (LogCommit.Outcome?) -> Void
    ) {
        let messages = batch.map { message($0.message.user, $0.message.id, $0.message.time, $0.message.body, $0.was) }
        perform(ticket, messages, named: name, storedOneOf: 1, lineage: lineage, answered)
    }

    private func perform(
        _ ticket: ReplicaLog.Ticket, _ messages: [LogCommit.Message], named name: String, storedOneOf: Int,
        lineage: Lineage, forks: Bool = false, in lane: StoreLane = .commits,
        _ answered: @escaping (LogCommit.Outcome?) -> Void
    ) {
        let terms = LogCommit.Terms(
            epoch: ticket.at.epoch, newestSeq: ticket.at.seq, name: name,
            dedupeMilliseconds: limits.dedupeMilliseconds, entriesMax: terms.entriesMax(),
            keptMilliseconds: limits.keptMilliseconds, storedOneOf: storedOneOf, lineage: lineage, forks: forks)
        store.perform(LogCommit.operation(keys, terms, messages), in: lane) { result in
            let answer = (try? result.get()).flatMap(LogCommit.answer)
            let isReadable = answer.map { !$0.epoch.isEmpty && [0, messages.count].contains($0.results.count) }
            answered(isReadable == true ? answer : nil)
        }
    }

    private func message(
        _ user: Identifier, _ id: [UInt8], _ time: Int, _ body: [UInt8], _ was: [Position] = [], isKept: Bool = false,
        fence: LinkFence? = nil
    ) -> LogCommit.Message {
        LogCommit.Message(
            idKey: keys.id(user: user, id: id), time: time, body: body, was: was, isKept: isKept, fence: fence)
    }

    private static func place(_ reply: StoreReply) -> ReplicaLog.Place? {
        guard case .array(let fields) = reply, fields.count == 4, let epoch = Stored.text(fields[0]),
            let seq = Stored.number(fields[1])
        else { return nil }
        return ReplicaLog.Place(
            epoch: epoch, newestSeq: UInt64(seq), unstoredFrom: Stored.number(fields[2]).map(UInt64.init),
            lineage: Lineage(text: (Stored.text(fields[3]) ?? "").utf8))
    }
}

extension Submission {
    /// The right under which a link brought it. What members were shown without a place has none: they wait for it.
    fileprivate var fence: LinkFence? {
        guard case .link(let author) = author, !isProvisional else { return nil }
        return LinkFence(link: author.id, token: author.token)
    }
}

extension ReplicaLog.Entry {
    /// An entry that was read: somebody else may have written into the stream, and that is no message.
    init(stored entry: LogCommit.CommittedMessage) {
        guard entry.body.withUnsafeBytes(MessageBody.isWhole) else {
            self.init(seq: entry.seq, body: [], unstoredFrom: entry.unstoredFrom, commit: entry.commit)
            return
        }
        self.init(entry)
    }

    init(_ entry: LogCommit.CommittedMessage) {
        self.init(
            seq: entry.seq, body: entry.body, isStored: entry.isStored, unstoredFrom: entry.unstoredFrom,
            was: entry.was, commit: entry.commit)
    }
}
