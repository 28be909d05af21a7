import Core
import Rooms

/// The body as which a message with that id and user is kept.
func sampleBody(_ id: String, user: String = "ann", content: String = "1", time: Int = 7) -> [UInt8] {
    Array(#","id":"\#(id)","user":"\#(user)","content":\#(content),"ts":\#(time)}"#.utf8)
}

func sampleEntry(_ seq: UInt64, _ id: String? = nil, unstoredFrom: UInt64? = nil) -> ReplicaLog.Entry {
    ReplicaLog.Entry(seq: seq, body: sampleBody(id ?? "i\(seq)"), unstoredFrom: unstoredFrom)
}

func sampleSubmission(_ id: String, content: String = "1", time: Int = 7) -> Submission {
    Submission(
        user: Identifier(unchecked: "ann"), id: Array(id.utf8), rawID: Array(id.utf8),
        body: sampleBody(id, content: content, time: time), time: time, author: .nobody)
}

/// The results of a replica, a text each, so that tests compare lists.
extension ReplicaLog.Advanced {
    var text: String {
        switch self {
        case .nothing: "nothing"
        case .committed(let arrival): "committed \(arrival.text)"
        case .repeated(let repetition): "repeated \(repetition.text)"
        case .skipped(let seq): "skipped \(seq)"
        case .lost(let seq): "lost \(seq)"
        case .passedUnstored(let seq): "passed \(seq)"
        case .fence(_, let name): "fence \(name)"
        case .read(_, let after): "read \(after)"
        case .restore(_, let messages): "restore \(messages.count)"
        case .caughtUp: "caught up"
        }
    }
}

extension ReplicaLog.PlacedEntry {
    var text: String {
        "\(entry.seq)" + (own == nil ? "" : " own") + (isSeen ? " seen" : "")
            + (repetition.map { " repeated \($0.text)" } ?? "")
    }
}

extension ReplicaLog.Repetition {
    var text: String { String(decoding: submission.id, as: UTF8.self) + " at \(first.epoch) \(first.seq)" }
}

extension ReplicaLog.Heard {
    var text: String {
        switch self {
        case .nothing: "nothing"
        case .committed(let arrival): "committed \(arrival.text)"
        case .read(_, let after): "read \(after)"
        case .open: "open"
        }
    }
}

extension ReplicaLog.Submitted {
    var text: String {
        switch self {
        case .taken: "taken"
        case .provisional: "provisional"
        case .repeated(let repetition): "repeated \(repetition.text)"
        case .repeatedWaiting(_, let waiting): "repeats \(waiting.number ?? .max)"
        case .refused: "refused"
        }
    }
}

extension ReplicaLog {
    /// Lets everything out that is next.
    mutating func drain() -> [String] {
        var texts: [String] = []
        while true {
            let next = advanced()
            if case .nothing = next { return texts }
            texts.append(next.text)
        }
    }

    struct NothingAsked: Error {}

    /// As the other, with what was read in parts.
    mutating func rangeRead(
        _ entries: [Entry], of epoch: String?, for ticket: Ticket, seen: () -> [SeenEntry]
    ) -> RangeRead {
        rangeRead(Range(entries, of: epoch), for: ticket, seen: seen)
    }

    /// As the other, with a position.
    mutating func looked(_ position: Position?, for ticket: Ticket) -> Looked {
        looked(position.map { Place(epoch: $0.epoch, newestSeq: $0.seq, unstoredFrom: nil) }, for: ticket)
    }

    /// The question for the log's place when the subscription stands.
    mutating func asked() throws -> Ticket {
        guard let ticket = subscribed() else { throw NothingAsked() }
        return ticket
    }

    /// The question for the log's place when the store is back, and the subscription stands.
    mutating func askedOnReturn() throws -> Ticket {
        guard let ticket = storeReturned() ?? subscribed() else { throw NothingAsked() }
        return ticket
    }

    /// Lets everything out that is next; the ticket of the last question among it.
    mutating func drainToTicket() throws -> Ticket {
        var ticket: Ticket?
        while true {
            switch advanced() {
            case .nothing:
                guard let ticket else { throw NothingAsked() }
                return ticket
            case .read(let asked, _), .fence(let asked, _), .restore(let asked, _):
                ticket = asked
            default: break
            }
        }
    }

    /// A replica that follows a log with entries up to `seq`, all of which it has.
    static func following(_ epoch: String = "e1", entries: UInt64 = 3) -> ReplicaLog {
        var log = ReplicaLog(
            name: "n", limits: Limits(dedupeMilliseconds: 10_000, keptMilliseconds: 40_000), isStoreAway: false)
        log.follow(epoch, entries: entries)
        return log
    }

    /// Answers all questions of an opening: the store has entries 1 to `entries`.
    mutating func follow(_ epoch: String, entries: UInt64, seen: [SeenEntry] = []) {
        guard let asked = subscribed() ?? storeReturned() else { return }
        finish(asked, Place(epoch: epoch, newestSeq: entries, unstoredFrom: nil), seen: seen)
    }

    /// Answers what an opening asks for, up to its end.
    mutating func finish(_ asked: Ticket, _ place: Place, seen: [SeenEntry] = []) {
        let read: (Ticket, UInt64)
        switch placeAnswered(place, for: asked) {
        case .stale: return
        case .read(let ticket, let after): read = (ticket, after)
        case .askDeleted(let ticket):
            guard case .read(let ticket, let after) = deletedAnswered(false, for: ticket) else { return }
            read = (ticket, after)
        }
        let entries = place.newestSeq > read.1 ? (read.1 + 1...place.newestSeq).map { sampleEntry($0) } : []
        _ = rangeRead(entries, of: place.epoch, for: read.0) { seen }
        _ = drain()
    }
}
