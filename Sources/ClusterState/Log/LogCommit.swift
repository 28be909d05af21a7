import Core

/// The commit of messages to a shared log: what is asked of the store, and what its answer and its publication say.
package enum LogCommit {
    /// The terms of a commit: the node's view of the log, and the limits to keep it by.
    package struct Terms: Sendable {
        /// The epoch that the node knows; empty for none.
        package let epoch: String
        /// The newest seq that it has seen in it.
        package let newestSeq: UInt64
        /// A name that nothing else has: that of the commit, and of a new epoch, should one begin.
        package let name: String
        package let dedupeMilliseconds: Int
        package let entriesMax: Int
        package let keptMilliseconds: Int
        /// One of so many messages is stored: those whose seq is a multiple of it. From 1, which means all.
        package let storedOneOf: Int
        /// The former epochs that the node knows.
        package let lineage: Lineage
        /// The node's entries of this epoch differ from those that the store has: another epoch must begin.
        package let forks: Bool

        package init(
            epoch: String, newestSeq: UInt64, name: String, dedupeMilliseconds: Int, entriesMax: Int,
            keptMilliseconds: Int, storedOneOf: Int = 1, lineage: Lineage = Lineage(), forks: Bool = false
        ) {
            self.epoch = epoch
            self.newestSeq = newestSeq
            self.name = name
            self.dedupeMilliseconds = dedupeMilliseconds
            self.entriesMax = entriesMax
            self.keptMilliseconds = keptMilliseconds
            self.storedOneOf = max(storedOneOf, 1)
            self.lineage = lineage
            self.forks = forks
        }
    }

    /// One message.
    package struct Message: Sendable {
        /// `LogKeys.id`.
        package let idKey: [UInt8]
        /// Unix milliseconds.
        package let time: Int
        package let body: [UInt8]
        /// Where it stood in former epochs, when it is committed again.
        package let was: [Position]
        /// The node has kept it while the store was away, and the present history does not hold it: a place in a former
        /// epoch that does not lead here is none.
        package let isKept: Bool
        /// The right under which a link brought it; nil when no link did, or the message was kept.
        package let fence: LinkFence?

        package init(
            idKey: [UInt8], time: Int, body: [UInt8], was: [Position] = [], isKept: Bool = false,
            fence: LinkFence? = nil
        ) {
            self.isKept = isKept
            self.fence = fence
            self.idKey = idKey
            self.time = time
            self.body = body
            self.was = was
        }
    }

    /// The outcome of one message.
    package enum Result: Equatable, Sendable {
        /// - Parameter was: its place in a former epoch, of which the caller did not know; what stood there was lost.
        case committed(seq: UInt64, isStored: Bool, was: [Position] = [])
        /// It was committed before.
        case known(Position, time: Int, isStored: Bool)
        /// It is refused: its link has an owner with a higher token than the one that brought it.
        case fenced
    }

    /// The store's answer.
    package struct Outcome: Equatable, Sendable {
        package let epoch: String
        /// The newest seq now.
        package let newestSeq: UInt64
        /// The seq of the first of the newest messages that are not stored; nil when the newest one is stored.
        package let unstoredFrom: UInt64?
        /// The former epochs.
        package let lineage: Lineage
        /// For each message, in the order of the request; empty when the history that was meant was deleted.
        package let results: [Result]
    }

    /// A message as the store has it, or has published it.
    package struct CommittedMessage: Equatable, Sendable {
        package let seq: UInt64
        package let body: [UInt8]
        /// Whether the store keeps it.
        package let isStored: Bool
        /// The seq of the first of the messages directly before it that are not stored; nil when there are none, or it
        /// is not known.
        package let unstoredFrom: UInt64?
        /// Where it stood in former epochs, when it was committed again.
        package let was: [Position]
        /// The name of the commit that wrote it; nil when it is not known.
        package let commit: String?

        package init(
            seq: UInt64, body: [UInt8], isStored: Bool = true, unstoredFrom: UInt64? = nil, was: [Position] = [],
            commit: String? = nil
        ) {
            self.commit = commit
            self.seq = seq
            self.body = body
            self.isStored = isStored
            self.unstoredFrom = unstoredFrom
            self.was = was
        }
    }

    /// New entries of one commit, in the order of their seqs; none when an epoch began, in place of another one.
    package struct Publication: Equatable, Sendable {
        package let epoch: String
        package let entries: [CommittedMessage]
    }

    /// The request. Without messages it says where the log stands, and makes it if it is not there.
    package static func operation(_ keys: LogKeys, _ terms: Terms, _ messages: [Message]) -> StoreOperation {
        var names = [keys.place, keys.entries]
        var arguments = [
            keys.channel, Array(terms.epoch.utf8), digits(terms.newestSeq), Array(terms.name.utf8),
            digits(terms.dedupeMilliseconds), digits(terms.entriesMax), digits(terms.keptMilliseconds),
            digits(terms.storedOneOf), terms.lineage.text, terms.forks ? [UInt8(ascii: "1")] : [],
        ]
        names.reserveCapacity(2 + messages.count)
        arguments.reserveCapacity(arguments.count + 3 * messages.count)
        for message in messages {
            names.append(message.idKey)
            arguments.append(digits(message.time))
            arguments.append(message.body)
            arguments.append(message.place)
        }
        if messages.contains(where: { $0.fence != nil }) { names += [LinkKeys.owners, LinkKeys.refused] }
        return .script(script, keys: names, arguments: arguments)
    }

    /// Reads the answer; nil when it is none that the script gives.
    package static func answer(_ reply: StoreReply) -> Outcome? {
        guard case .array(let parts) = reply, parts.count >= 4, case .bytes(let epoch) = parts[0],
            let newest = Stored.number(parts[1]), let unstored = Stored.number(parts[2]),
            case .bytes(let lineage) = parts[3]
        else { return nil }
        var results: [Result] = []
        for part in parts.dropFirst(4) {
            switch part {
            case .integer(0): results.append(.fenced)
            case .integer(let seq) where seq.magnitude <= Stored.numberMax:
                results.append(.committed(seq: UInt64(seq.magnitude), isStored: seq > 0))
            case .array(let parts):
                guard parts.count == 2, case .integer(let seq) = parts[0], seq != 0, seq.magnitude <= Stored.numberMax,
                    case .bytes(let was) = parts[1]
                else { return nil }
                results.append(
                    .committed(seq: UInt64(seq.magnitude), isStored: seq > 0, was: Position.list(was)))
            case .bytes(let text):
                guard let known = known(text) else { return nil }
                results.append(known)
            default: return nil
            }
        }
        return Outcome(
            epoch: String(decoding: epoch, as: UTF8.self), newestSeq: UInt64(newest),
            unstoredFrom: (1...max(newest, 1)).contains(unstored) ? UInt64(unstored) : nil,
            lineage: Lineage(text: lineage), results: results)
    }

    /// "epoch seq time", or "epoch seq time -"
    private static func known(_ text: [UInt8]) -> Result? {
        let parts = text.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
        guard parts.count == 3 || parts.count == 4, let seq = Stored.seq(parts[1].utf8),
            let time = Stored.number(parts[2].utf8)
        else { return nil }
        return .known(Position(epoch: parts[0], seq: seq), time: time, isStored: parts.count == 3)
    }

    /// Whether a publication is a log's, in whatever format: one that can't be read says that there is something to
    /// be read.
    package static func isPublication(_ payload: [UInt8]) -> Bool { payload.first == mark[0] }

    /// Reads a publication; nil when it is none that this version's script makes.
    package static func publication(_ payload: [UInt8]) -> Publication? {
        guard payload.starts(with: mark) else { return nil }
        var rest = payload.dropFirst(mark.count)
        func line() -> ArraySlice<UInt8>? {
            guard !rest.isEmpty else { return nil }
            let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
            defer { rest = rest[end...].dropFirst() }
            return rest[..<end]
        }
        guard let epoch = line(), let name = line(), let first = line().flatMap({ Stored.seq($0) }) else { return nil }
        let commit = String(decoding: name, as: UTF8.self)
        var entries: [CommittedMessage] = []
        while !rest.isEmpty {
            guard let sized = line() else { return nil }
            let isStored = sized.first != unstoredMark
            let words = (isStored ? sized : sized.dropFirst()).split(separator: 0x20, maxSplits: 1)
            guard let length = words.first.flatMap({ UInt32(String(decoding: $0, as: UTF8.self)) }),
                Int(length) <= rest.count
            else { return nil }
            let body = Array(rest.prefix(Int(length)))
            let was = words.count == 2 ? Position.list(words[1]) : []
            let seq = first + UInt64(entries.count)
            entries.append(CommittedMessage(seq: seq, body: body, isStored: isStored, was: was, commit: commit))
            rest = rest.dropFirst(Int(length))
            if !rest.isEmpty {
                guard rest.first == UInt8(ascii: "\n") else { return nil }
                rest = rest.dropFirst()
            }
        }
        return Publication(epoch: String(decoding: epoch, as: UTF8.self), entries: entries)
    }

    /// Reads the entries of a reply; nil when these are none of a log.
    package static func entries(_ reply: StoreReply) -> [CommittedMessage]? {
        guard case .array(let parts) = reply else { return nil }
        var entries: [CommittedMessage] = []
        entries.reserveCapacity(parts.count)
        for part in parts {
            guard case .array(let entry) = part, entry.count == 2, case .bytes(let id) = entry[0],
                case .array(let fields) = entry[1], fields.count >= 2, case .bytes(let body) = fields[1],
                let dash = id.firstIndex(of: UInt8(ascii: "-")),
                let seq = Stored.seq(id[..<dash])
            else { return nil }
            let from = value("unstored", of: fields).flatMap { Stored.seq($0) }
            entries.append(
                CommittedMessage(
                    seq: seq, body: body, unstoredFrom: from.flatMap { 1 <= $0 && $0 < seq ? $0 : nil },
                    was: value("was", of: fields).map(Position.list) ?? [],
                    commit: value("by", of: fields).map { String(decoding: $0, as: UTF8.self) }))
        }
        return entries
    }

    /// The value of a field of an entry behind its body; fields that this version does not know are left alone.
    private static func value(_ name: String, of fields: [StoreReply]) -> [UInt8]? {
        for index in stride(from: 2, to: fields.count - 1, by: 2) {
            if case .bytes(let field) = fields[index], field.elementsEqual(name.utf8),
                case .bytes(let value) = fields[index + 1]
            {
                return value
            }
        }
        return nil
    }

    /// Stands in place of former places for a message that was kept.
    static let keptSign = [UInt8(ascii: "?")]

    /// Begins what stands in place of former places for a message that a link brought, and stands at the id of one that
    /// was refused.
    static let fenceSign = UInt8(ascii: "!")

    /// Begins a publication; the digit is its format.
    static let mark = Array("=2\n".utf8)

    /// Stands at the time of an id, and before the length of a published body, of a message that is not stored.
    static let unstoredMark = UInt8(ascii: "-")

    /// The number in decimal digits; 0 when these are none, or beyond what is counted exactly.
    static func number(_ text: [UInt8]) -> Int { Stored.number(text, in: -Stored.numberMax...Stored.numberMax) ?? 0 }

    static func digits(_ number: some BinaryInteger) -> [UInt8] { Array(String(number).utf8) }
}

extension LogCommit.Message {
    /// Stands for it among the script's arguments where former places do.
    fileprivate var place: [UInt8] {
        if let fence { return [LogCommit.fenceSign] + LogCommit.digits(fence.token) + [0x20] + fence.link.text.utf8 }
        return was.isEmpty && isKept ? LogCommit.keptSign : Position.text(of: was)
    }
}
