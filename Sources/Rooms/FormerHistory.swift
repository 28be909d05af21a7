import Core

/// A message that members have seen: where it stood, and its body.
package struct SeenEntry: Sendable {
    package let seq: UInt64
    package let body: [UInt8]
    /// Where it stood in former epochs.
    package let was: [Position]

    package init(seq: UInt64, body: [UInt8], was: [Position] = []) {
        self.seq = seq
        self.body = body
        self.was = was
    }
}

/// A message that the store lost, and its places in the histories that are no more.
package struct LostMessage: Sendable {
    package let body: [UInt8]
    package let was: [Position]
}

/// Messages that members saw in histories that the store lost: which of them must be committed again, and where each
/// first stood.
///
/// Lookups cost the same however much is remembered. Bound: what a room or inbox holds, once per lost history; the
/// places are forgotten a dedupe window after the last loss.
package struct FormerHistory {
    /// Bodies of lost histories, in their order, as long as some of them are missing in the present one.
    private var bodies: [[UInt8]] = []
    /// By key: those that have not come in the present history.
    private var missing: Set<[UInt8]> = []
    /// By key: the places in lost histories, the first one first.
    private var places: [[UInt8]: [Position]] = [:]
    /// Those that must be committed again next, in their order.
    private var queue: ArraySlice<LostMessage> = []
    /// When `expire` first saw what the last loss left, loop milliseconds; nil before that.
    private var lostAt: Int?

    package init() {}

    /// A history was lost, of which members have seen `entries`, in the order of their seqs.
    package mutating func lost(_ epoch: String, _ entries: [SeenEntry]) {
        lostAt = nil
        for entry in entries {
            let key = MessageKey.bytes(of: entry.body)
            missing.insert(key)
            let known = FormerPlaces.merged(places[key] ?? [], entry.was)
            places[key] = FormerPlaces.merged(known, [Position(epoch: epoch, seq: entry.seq)])
            bodies.append(entry.body)
        }
    }

    /// Whether something that was seen is missing in the present history.
    package var isAnyMissing: Bool { !missing.isEmpty }

    package func isMissing(_ body: [UInt8]) -> Bool {
        !missing.isEmpty && missing.contains(MessageKey.bytes(of: body))
    }

    /// A body has come, or will not come; whether it was missing.
    package mutating func found(_ body: [UInt8]) -> Bool {
        !missing.isEmpty && missing.remove(MessageKey.bytes(of: body)) != nil
    }

    /// Queues all that is missing to be committed again.
    package mutating func queueMissing() {
        bodies = missing.isEmpty ? [] : bodies.filter { isMissing($0) }
        queue = bodies.map { LostMessage(body: $0, was: places(of: $0)) }[...]
    }

    package var isAnyQueued: Bool { !queue.isEmpty }

    /// Takes the messages of the next commit from the queue, of those that are still missing; none at its end.
    package mutating func takeQueued() -> [LostMessage] {
        var (taken, bytes) = ([LostMessage](), 0)
        while let next = queue.first, taken.count < Submissions.batchMax, bytes < Submissions.batchBytesMax {
            queue.removeFirst()
            guard isMissing(next.body) else { continue }
            taken.append(next)
            bytes += next.body.count
        }
        return taken
    }

    /// Where a message stood in lost histories, the first place first.
    package func places(of body: [UInt8]) -> [Position] {
        places.isEmpty ? [] : places[MessageKey.bytes(of: body)] ?? []
    }

    /// Where members first saw a message; nil if they did not.
    package func firstPlace(of body: [UInt8]) -> Position? {
        places.isEmpty ? nil : places[MessageKey.bytes(of: body)]?.first
    }

    /// Time has passed: nobody repeats what was lost so long ago (loop milliseconds).
    package mutating func expire(at now: Int, after span: Int) {
        guard !places.isEmpty else { return }
        let since = lostAt ?? now
        lostAt = since
        if now - since > span { places = [:] }
    }
}

/// Messages of the present history that members have seen, and the room does not hold: their places were passed as not
/// stored. Bound: `countMax`, the newest ones. Lookups cost the same however many there are.
package struct UnheldMessages {
    package static let countMax = 1_000

    private var entries: [[UInt8]: SeenEntry] = [:]
    /// Their keys, oldest first from `head`; with the seqs, as a key may come twice.
    private var order: ContiguousArray<(key: [UInt8], seq: UInt64)> = []
    private var head = 0

    package init() {}

    package var count: Int { entries.count }

    package mutating func append(_ entry: SeenEntry) {
        let key = MessageKey.bytes(of: entry.body)
        entries[key] = entry
        order.append((key, entry.seq))
        guard order.count - head > Self.countMax else { return }
        let oldest = order[head]
        if entries[oldest.key]?.seq == oldest.seq { entries[oldest.key] = nil }
        head += 1
        guard head >= Self.countMax else { return }
        order.removeFirst(head)
        head = 0
    }

    package func entry(like body: [UInt8]) -> SeenEntry? {
        entries.isEmpty ? nil : entries[MessageKey.bytes(of: body)]
    }

    /// Takes all out, in no order.
    package mutating func removeAll() -> [SeenEntry] {
        defer { self = UnheldMessages() }
        return Array(entries.values)
    }
}
