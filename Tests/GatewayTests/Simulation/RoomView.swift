import Core

/// All that one client saw of one room over all its connections, nodes and epochs, held to the contract frame by
/// frame. A value of its client.
struct RoomView {
    /// A jump of the client's position, from what it had to what is next.
    struct Gap {
        let reason: String
        let before: Position?
        let epoch: String
        let nextSeq: UInt64

        func covers(_ place: Position) -> Bool {
            guard let before, reason != "ahead" else { return false }
            if before.epoch == epoch { return place.epoch == epoch && before.seq < place.seq && place.seq < nextSeq }
            return place.epoch == before.epoch && place.seq > before.seq || place.epoch == epoch && place.seq < nextSeq
        }
    }

    /// A message that came once more.
    struct Repetition {
        let id: String
        /// Nobody may know of which of two histories the client's position was.
        let isBlind: Bool
        /// When the client was led into other epochs, simulated milliseconds.
        let ledAt: [Int]
        let text: String
    }

    /// All that the present connection has said.
    private struct Visit {
        /// The position with which the client came.
        let given: Position?
        var hasJoined = false
        var isPending = false
        /// Neither "recovered" nor a gap was said yet.
        var isGapDue = false
        /// Shown without a place: as a message, or acked "local".
        var shown: [String] = []
        /// Where the client stood when it was shown these.
        var stoodAt: [String: Position] = [:]
        /// Gaps that this connection has said.
        var gaps: [Gap] = []
        var placed: Set<String> = []
        var confirmed: Set<String> = []
        /// Acked with a place.
        var answered: Set<String> = []
        /// Own messages that come once more, behind their acks.
        var echoes: Set<String> = []

        /// Whether a place was behind the client when it was shown a message without it, or is in a gap of what is not
        /// stored: the node that showed it was behind, and the confirmation moves nothing.
        func hasPassed(_ place: Position, of id: String) -> Bool {
            if let stood = stoodAt[id], stood.epoch == place.epoch, place.seq <= stood.seq { return true }
            return gaps.contains { $0.reason == "not_stored" && $0.covers(place) }
        }
    }

    /// Whether the client wants its own messages, too.
    let hasEcho: Bool

    private var visit: Visit?
    /// The last place that the client heard of.
    private(set) var position: Position?
    /// Where it had messages, by id.
    private(set) var places: [String: [Position]] = [:]
    private(set) var gaps: [Gap] = []
    /// Places that answers "redis" said of its own messages, by id; also of such as it never saw on their way.
    private(set) var acked: [String: Position] = [:]
    /// Its own messages that were acked "local": a node keeps them until they are committed.
    private(set) var kept: Set<String> = []
    /// When it first came in; simulated milliseconds.
    private(set) var since: Int?
    private(set) var violations: [String] = []
    /// Messages that came once more, in a later epoch than those in which the client had had them.
    private(set) var repetitions: [Repetition] = []
    private var ledAt: [Int] = []
    /// Nobody may know of which of two histories the client's position is.
    private var isLedBlindly = false

    init(hasEcho: Bool, position: Position? = nil) { (self.hasEcho, self.position) = (hasEcho, position) }

    // MARK: Connections

    /// The client connects, with its position.
    mutating func connected() { visit = Visit(given: position) }

    mutating func ended() { visit = nil }

    var isJoined: Bool { visit?.hasJoined ?? false }

    /// Messages that the present connection has shown without a place, and of whose place it has said nothing since.
    var unconfirmed: [String] {
        guard let visit else { return [] }
        return visit.shown.filter { !visit.confirmed.contains($0) && !visit.answered.contains($0) }
    }

    /// The client drops what it knows, as its position is not of this history.
    private mutating func reset() { places = [:] }

    private mutating func broken(_ rule: String, _ text: String) {
        let place = position.map { "\($0.epoch) \($0.seq)" } ?? "nowhere"
        violations.append("\(rule): \(text); the client stood at \(place)")
    }

    // MARK: Frames

    mutating func took(_ frame: ServerFrame, at now: Int, isLedBlindly: Bool) {
        self.isLedBlindly = isLedBlindly
        guard visit != nil else { return }
        if visit?.isGapDue == true, frame.type != "gap" {
            visit?.isGapDue = false
            broken("resume", "neither recovered nor a gap before \(frame.text)")
        }
        if visit?.hasJoined == false, ["message", "gap", "confirm"].contains(frame.type) {
            broken("order", "before joined_room: \(frame.text)")
        }
        switch frame.type {
        case "joined_room": joined(frame, at: now)
        case "gap":
            if frame.string("reason") == "epoch_changed" { ledAt.append(now) }
            gap(frame)
        case "message": message(frame)
        case "ack": acked(frame)
        case "confirm": for entry in frame.frames("entries") { confirmed(entry, frame) }
        default: break
        }
    }

    private mutating func joined(_ frame: ServerFrame, at now: Int) {
        guard let visit, !visit.hasJoined else { return broken("order", "joined_room a second time") }
        self.visit?.hasJoined = true
        self.visit?.isPending = frame.isTrue("pending")
        if since == nil { since = now }
        guard let joined = frame.position else { return broken("resume", "no position: \(frame.text)") }
        guard let given = visit.given else {
            position = joined
            if frame.isTrue("recovered") || frame.number("missed") != 0 { broken("resume", "newcomer: \(frame.text)") }
            return
        }
        guard !frame.isTrue("pending") else { return }
        let missed = frame.number("missed") ?? 0
        if !frame.isTrue("recovered") {
            // A hole within the same history is said where it is.
            self.visit?.isGapDue = joined.epoch != given.epoch || joined.seq < given.seq
        } else if joined != Position(epoch: given.epoch, seq: given.seq + missed) {
            broken("resume", "recovered from \(given): \(frame.text)")
        }
    }

    private mutating func gap(_ frame: ServerFrame) {
        guard let visit, let epoch = frame.string("epoch"), let next = frame.number("next_seq"), next > 0,
            let reason = frame.string("reason")
        else { return broken("gap", frame.text) }
        let isSame = epoch == position?.epoch
        let isBehind = position.map { next > $0.seq + 1 } ?? true
        let fits =
            switch reason {
            case "epoch_changed": !isSame
            case "trimmed", "not_stored": isSame && isBehind
            case "ahead": isSame && !isBehind && (visit.isGapDue || visit.isPending)
            default: false
            }
        if !fits { broken("gap", frame.text) }
        let gap = Gap(reason: reason, before: position, epoch: epoch, nextSeq: next)
        gaps.append(gap)
        self.visit?.gaps.append(gap)
        self.visit?.isGapDue = false
        if reason != "not_stored" { self.visit?.isPending = false }
        if reason == "ahead" { reset() }
        position = Position(epoch: epoch, seq: next - 1)
    }

    private mutating func message(_ frame: ServerFrame) {
        guard let id = frame.id, let visit else { return broken("message", frame.text) }
        if frame.string("content") != id { broken("message", "another content: \(frame.text)") }
        // It has the place of the ack before it.
        if self.visit?.echoes.remove(id) != nil, frame.position.map({ $0 == position }) ?? true { return }
        guard frame.isTrue("provisional") else {
            if visit.shown.contains(id), !visit.placed.contains(id) {
                broken("once", "\(id) was shown without a place: \(frame.text)")
            }
            guard let place = frame.position else { return broken("message", frame.text) }
            return took(id, place, frame)
        }
        if frame.position != nil { broken("provisional", "with a place: \(frame.text)") }
        if visit.shown.contains(id) || visit.placed.contains(id) {
            broken("once", "known on this connection: \(frame.text)")
        }
        shown(id)
    }

    private mutating func shown(_ id: String) {
        visit?.shown.append(id)
        visit?.stoodAt[id] = position
    }

    private mutating func acked(_ frame: ServerFrame) {
        guard let id = frame.id, let visit else { return broken("ack", frame.text) }
        guard let place = frame.position else {
            if frame.string("durable") != "local" { broken("ack", frame.text) }
            kept.insert(id)
            guard !visit.shown.contains(id), !visit.placed.contains(id) else { return }
            shown(id)
            if hasEcho { self.visit?.echoes.insert(id) }
            return
        }
        if frame.string("durable") != "redis" { broken("ack", frame.text) }
        acked[id] = place
        self.visit?.answered.insert(id)
        // The place of a repetition was passed, or is the next one: then the ack takes it.
        let isNext = place.epoch == position?.epoch && place.seq == (position?.seq ?? 0) + 1
        guard frame.isTrue("duplicate"), !isNext else {
            if hasEcho { self.visit?.echoes.insert(id) }
            return took(id, place, frame)
        }
    }

    private mutating func confirmed(_ entry: ServerFrame, _ frame: ServerFrame) {
        guard let id = entry.id, let epoch = frame.string("epoch"), let seq = entry.seq, let visit else {
            return broken("confirm", frame.text)
        }
        if !visit.shown.contains(id) { broken("confirm", "not shown on this connection: \(frame.text)") }
        if visit.confirmed.contains(id) { broken("once", "confirmed twice: \(frame.text)") }
        self.visit?.confirmed.insert(id)
        let place = Position(epoch: epoch, seq: seq)
        if visit.hasPassed(place, of: id), place.epoch == position?.epoch, place.seq <= position?.seq ?? 0 {
            places[id, default: []].append(place)
            return
        }
        took(id, place, frame, isConfirm: true)
    }

    /// A frame takes the next place.
    private mutating func took(_ id: String, _ place: Position, _ frame: ServerFrame, isConfirm: Bool = false) {
        if let position, place != Position(epoch: position.epoch, seq: position.seq + 1) {
            broken(place.epoch == position.epoch && place.seq <= position.seq ? "behind" : "order", frame.text)
        }
        // An answer to what the client says again is no repetition.
        if frame.type == "message", let known = places[id] {
            let text = "\(id) was had at \(known.map { "\($0.epoch) \($0.seq)" }): \(frame.text)"
            if !isLedBlindly, known.contains(where: { $0.epoch == place.epoch }) {
                broken("once", text)
            } else {
                repetitions.append(Repetition(id: id, isBlind: isLedBlindly, ledAt: ledAt, text: text))
            }
        }
        position = place
        visit?.placed.insert(id)
        places[id, default: []].append(place)
    }
}
