import Core

/// A node's share of the links of its cluster: which it holds, under which token, and until when it may act for them.
///
/// A state machine. Times are milliseconds of one monotonic clock that goes on while the process stands still. Its
/// driver calls `ticked` some times per second, sends what `request` returns (one at a time), and gives the reply to
/// `answered`. Whatever acts for a link asks `token(of:at:)` first.
///
/// One lease stands for all links of a node: with each beat the store gets another text. A node lets go of all that it
/// holds when `fence` milliseconds have passed since it sent its last beat that was answered; another node takes a link
/// over after it has seen the same text for `timeout` milliseconds, which is longer, and only if the store still has
/// that text. So at no time two nodes may act for one link, whatever their clocks show; but for one whose definition
/// wants it kept through a partition: its owner lets go when it hears that another has it. New data of the store grants
/// nothing for as long; meanwhile those who still hold links write them in.
package struct LinkShare: Sendable {
    package struct Timing: Equatable, Sendable {
        /// Between two beats, milliseconds.
        package let check: Int
        /// A silent owner's links are taken over after so many milliseconds.
        package let timeout: Int
        /// There are no other nodes: nobody can hold what new data does not know.
        package let isAlone: Bool
        /// An owner without answers lets go after so many.
        package var fence: Int { timeout / 4 * 3 }

        /// - Precondition: `timeout` is four times `check` at least.
        package init(check: Int, timeout: Int, isAlone: Bool = false) {
            precondition(timeout >= 4 * check && check > 0)
            self.check = check
            self.timeout = timeout
            self.isAlone = isAlone
        }
    }

    /// Why a link is let go.
    package enum Reason: String, Sendable {
        /// The store did not answer for too long.
        case fenced
        /// Another node has it, or the store does not know that this one had it.
        case lost
        case disabled
        case deleted
        /// Another node has room for it.
        case moved
        /// This node ends.
        case drained
    }

    package enum Event: Equatable, Sendable {
        /// This node owns the link from now on. `former`: from whom it was taken, when that one was silent.
        case held(LinkDefinition, token: Int, former: String?)
        /// Its definition has changed.
        case changed(LinkDefinition)
        /// This node must not act for it from now on.
        case dropped(Identifier, Reason)
    }

    private struct Known {
        let version: Int
        let text: [UInt8]
        /// Nil when it was deleted.
        let definition: LinkDefinition?
    }

    private struct Seen {
        let lease: LinkLease
        /// Since when the store has this text, by this node's clock.
        let since: Int
    }

    private struct Hold {
        let token: Int
        /// It is acted for also when the lease may have ended.
        let isKept: Bool
    }

    /// So long after a failed request the next one is sent.
    private static let retryMilliseconds = 250
    /// A tenth of a node's links moves to others in so many milliseconds, at most.
    private static let tenthMilliseconds = 60_000
    /// Where a tenth is less than one link, one moves in so many.
    private static let moveMilliseconds = 10_000
    /// A lease must run for so long still when links are claimed under it.
    private static let marginMilliseconds = 250

    package let boot: String
    package let node: String
    private let timing: Timing
    /// Its share is in proportion to this, 0 to `LinkLease.weightMax`. 0: it gives up what it has, little by little.
    package var weight: Int

    private enum Leaving { case none, leaving, left }

    /// The node's lease in the data of the store that it last heard of.
    private struct Standing {
        var generation: Int?
        /// The store has all that this node holds, in this generation of its data.
        var isConfirmed = false
        var leaseEnd = Int.min
        var quarantineEnd = Int.min
    }

    /// The definitions as this node last read them.
    private struct Definitions {
        var known: [Identifier: Known] = [:]
        var version: Int?
        var areCurrent = false
        var mustRestore = false
        /// Of those that the store has lost.
        var missing: [Identifier] = []
    }

    /// The owners as this node last read them.
    private struct Owners {
        var known: [Identifier: LinkOwner] = [:]
        var version: Int?
        /// As they stood no earlier than this node's last beat.
        var areCurrent = false
    }

    private struct Schedule {
        var beatDueAt: Int
        /// When the last one was sent.
        var beatAt: Int
        /// When all links are gone through next: after each answer, and some times between two beats.
        var lookDueAt: Int
        var retryAt = Int.min
        /// When the last beat was answered.
        var answeredAt: Int
        var lastMoveAt: Int
    }

    private var standing = Standing()
    private var defined = Definitions()
    private var owned = Owners()
    private var schedule: Schedule
    private var highestToken = 0
    private var longestTimeout: Int
    private var seen: [String: Seen] = [:]
    private var unownedSince: [Identifier: Int] = [:]
    private var holds: [Identifier: Hold] = [:]
    /// Links that were let go, and whose connections the driver has not ended so far: they are not given back before.
    private var unclosed: Set<Identifier> = []
    /// Links that were let go for others, until the store knows it.
    private var moving: Set<Identifier> = []
    private var asked: (request: LinkRequest, at: Int)?
    private var leaving = Leaving.none

    package init(boot: String, node: String, timing: Timing, weight: Int, at now: Int) {
        self.boot = boot
        self.node = node
        self.timing = timing
        self.weight = weight
        longestTimeout = timing.timeout
        schedule = Schedule(
            beatDueAt: now, beatAt: now - timing.check, lookDueAt: now, answeredAt: now, lastMoveAt: now)
    }

    // MARK: What is asked of it

    /// The token under which this node may act for the link; nil when it may not.
    package func token(of id: Identifier, at now: Int) -> Int? {
        holds[id].flatMap { now < standing.leaseEnd || $0.isKept ? $0.token : nil }
    }

    /// The links that this node holds.
    package var held: some Collection<Identifier> { holds.keys }

    /// All links of the cluster as this node last read them, with their owners.
    package var links: [(definition: LinkDefinition, owner: LinkOwner?)] {
        defined.known.compactMap { id, known in known.definition.map { ($0, owned.known[id]) } }
            .sorted { $0.definition.id < $1.definition.id }
    }

    /// How many links the cluster has.
    package var linkCount: Int { defined.known.values.count { $0.definition != nil } }

    package func link(_ id: Identifier) -> (definition: LinkDefinition, owner: LinkOwner?)? {
        defined.known[id]?.definition.map { ($0, owned.known[id]) }
    }

    /// Whether this node has left: no link is held, and the store knows it.
    package var hasLeft: Bool { leaving == .left }

    // MARK: Events

    /// Time has passed. Also the first thing to call when the process wakes.
    package mutating func ticked(at now: Int) -> [Event] {
        guard now >= standing.leaseEnd, !holds.isEmpty else { return [] }
        owned.areCurrent = false
        return dropAll(.fenced) { !$0.isKept }
    }

    /// Somebody changed definitions or owners: look at once, or shortly after the last look. That one may have come
    /// before the change, though its answer comes behind the hint.
    package mutating func hinted(at now: Int) {
        schedule.beatDueAt = min(schedule.beatDueAt, max(now, schedule.beatAt + timing.check / 8))
    }

    /// This node has changed a definition.
    package mutating func defined(at now: Int) {
        defined.areCurrent = false
        schedule.lookDueAt = min(schedule.lookDueAt, now)
    }

    /// The connection of a link that was dropped has ended.
    package mutating func closed(_ id: Identifier) {
        guard unclosed.remove(id) != nil else { return }
        schedule.lookDueAt = Int.min
    }

    /// Until when this node may act for what it holds.
    package var actsUntil: Int { standing.leaseEnd }

    /// The version of the definitions that this node has read; nil before that, and while newer ones are there.
    package var readVersion: Int? { defined.areCurrent ? defined.version : nil }

    /// This node ends: it gives back all that it holds.
    package mutating func drain(at now: Int) -> [Event] {
        guard leaving == .none else { return [] }
        leaving = .leaving
        schedule.retryAt = now
        return dropAll(.drained)
    }

    /// Takes the request that is due. Call it after each event. The end of the request, if there is one, must be
    /// reported by `answered`.
    package mutating func request(at now: Int) -> (operation: StoreOperation?, events: [Event]) {
        guard asked == nil, now >= schedule.retryAt, leaving != .left else { return (nil, []) }
        var events: [Event] = []
        guard let request = next(at: now, &events) else { return (nil, events) }
        asked = (request, now)
        if case .beat = request { (schedule.beatAt, schedule.beatDueAt) = (now, now + timing.check) }
        let operation = request.operation(
            boot: boot, node: node, highest: highestToken, quarantine: timing.isAlone ? 0 : longestTimeout)
        return (operation, events)
    }

    /// The request under way has ended.
    /// - Parameter reply: nil when the store gave none, or refused.
    package mutating func answered(_ reply: StoreReply?, at now: Int) -> [Event] {
        guard let (request, askedAt) = asked else { return [] }
        asked = nil
        schedule.lookDueAt = now
        var events = ticked(at: now)
        guard let answer = reply.flatMap(LinkAnswer.init), let generation = answer.number(0) else {
            schedule.retryAt = now + Self.retryMilliseconds
            if case .beat = request { schedule.beatDueAt = now }
            return events
        }
        if generation != standing.generation { begin(generation, at: now) }
        switch request {
        case .beat(let text, _):
            if text.isEmpty { leaving = .left } else { beatAnswered(answer, askedAt: askedAt, now: now) }
        case .readDefinitions: definitionsRead(answer, &events)
        case .readOwners: ownersRead(answer, at: now, &events)
        case .claim(let claims): claimed(claims, answer, at: now, &events)
        case .release(let links): released(links.map(\.id), answer)
        case .restore: defined.areCurrent = false
        }
        return events
    }

    // MARK: Answers

    /// The store's data is new, or another server's: it may lack what was written last.
    private mutating func begin(_ generation: Int, at now: Int) {
        let isFirst = standing.generation == nil
        standing.generation = generation
        standing.isConfirmed = holds.isEmpty
        owned.areCurrent = false
        defined.areCurrent = false
        defined.mustRestore = !isFirst
        owned.version = nil
        defined.version = nil
        // Old sightings say nothing of the new data; who lives beats again.
        seen = [:]
        unownedSince = [:]
        // It lacks this node's lease, too.
        schedule.beatDueAt = now
    }

    private mutating func beatAnswered(_ answer: LinkAnswer, askedAt: Int, now: Int) {
        guard let quarantine = answer.number(1), let definedVersion = answer.number(2),
            let ownedVersion = answer.number(3)
        else {
            return
        }
        standing.quarantineEnd = now + quarantine
        if standing.isConfirmed { standing.leaseEnd = askedAt + timing.fence }
        if definedVersion != defined.version { defined.areCurrent = false }
        owned.areCurrent = ownedVersion == owned.version
        // Silence counts only while the store answers: after a break the others get the time to beat again.
        let isBreak = now - schedule.answeredAt > timing.timeout / 2
        schedule.answeredAt = now
        var leases: [String: Seen] = [:]
        for (field, value) in answer.pairs(from: 4) {
            let boot = String(decoding: field, as: UTF8.self)
            let lease = LinkLease(value)
            longestTimeout = max(longestTimeout, lease.timeout)
            let former = isBreak ? nil : seen[boot].flatMap { $0.lease == lease ? $0 : nil }
            leases[boot] = former ?? Seen(lease: lease, since: now)
        }
        seen = leases
    }

    private mutating func definitionsRead(_ answer: LinkAnswer, _ events: inout [Event]) {
        var read: [Identifier: Known] = [:]
        for (field, value) in answer.pairs(from: 3) {
            guard let id = Identifier(validating: String(decoding: field, as: UTF8.self)) else { continue }
            let digits = value.prefix { $0 &- 0x30 < 10 }
            let version = Stored.number(digits) ?? 0
            if let same = defined.known[id], same.version == version { read[id] = same; continue }
            let text = value[digits.endIndex...].dropFirst()
            read[id] = Known(version: version, text: value, definition: LinkDefinition(text, id: id))
        }
        defined.version = answer.number(2)
        defined.areCurrent = true
        if defined.mustRestore {
            // What this node knows and the store lacks was lost with it, not deleted.
            defined.missing = defined.known.filter { $0.value.version > read[$0.key]?.version ?? 0 }.keys.sorted()
            for id in defined.missing { read[id] = defined.known[id] }
            defined.mustRestore = !defined.missing.isEmpty
        }
        for (id, own) in read where holds[id] != nil && defined.known[id]?.version != own.version {
            guard let definition = own.definition else { drop(id, .deleted, &events); continue }
            guard definition.isEnabled, let hold = holds[id] else { drop(id, .disabled, &events); continue }
            holds[id] = Hold(token: hold.token, isKept: definition.partition == .keep)
            events.append(.changed(definition))
        }
        for id in holds.keys where read[id] == nil { drop(id, .deleted, &events) }
        defined.known = read
    }

    private mutating func ownersRead(_ answer: LinkAnswer, at now: Int, _ events: inout [Event]) {
        owned.known = [:]
        for (field, value) in answer.pairs(from: 3) {
            guard let id = Identifier(validating: String(decoding: field, as: UTF8.self)), let owner = LinkOwner(value)
            else { continue }
            owned.known[id] = owner
            highestToken = max(highestToken, owner.token)
        }
        owned.version = answer.number(2)
        owned.areCurrent = true
        confirm(at: now, &events)
    }

    /// Compares what this node holds with what the store says.
    private mutating func confirm(at now: Int, _ events: inout [Event]) {
        var mustReclaim = false
        for (id, hold) in holds where !isOwn(owned.known[id], hold.token) {
            let isLower = owned.known[id].map { $0.token <= hold.token } ?? true
            if !standing.isConfirmed, isLower, now < standing.quarantineEnd {
                mustReclaim = true
            } else {
                drop(id, .lost, &events)
            }
        }
        if !mustReclaim { standing.isConfirmed = true }
    }

    private func isOwn(_ owner: LinkOwner?, _ token: Int) -> Bool { owner?.boot == boot && owner?.token == token }

    private mutating func claimed(
        _ claims: [LinkRequest.Claim], _ answer: LinkAnswer, at now: Int, _ events: inout [Event]
    ) {
        guard let before = answer.number(1), let after = answer.number(2) else { return }
        versionChanged(from: before, to: after)
        for (index, claim) in claims.enumerated() {
            guard let token = answer.number(3 + index), token > 0 else {
                // Somebody else was faster, or the store thinks otherwise: read who has it.
                owned.areCurrent = false
                schedule.retryAt = now + Self.retryMilliseconds
                continue
            }
            highestToken = max(highestToken, token)
            owned.known[claim.id] = LinkOwner(Array("\(boot) \(token) \(node)".utf8))
            if claim.held == nil { hold(claim.id, token, former: claim.owner?.node, at: now, &events) }
        }
        if !standing.isConfirmed { confirm(at: now, &events) }
    }

    private mutating func released(_ ids: [Identifier], _ answer: LinkAnswer) {
        guard let before = answer.number(1), let after = answer.number(2) else { return }
        versionChanged(from: before, to: after)
        for id in ids where owned.known[id]?.boot == boot { owned.known[id] = nil }
    }

    /// This node's own change: it knows the outcome without reading, if nobody else changed anything before.
    private mutating func versionChanged(from before: Int, to after: Int) {
        if before == owned.version { owned.version = after } else { owned.areCurrent = false }
    }

    private mutating func hold(
        _ id: Identifier, _ token: Int, former: String?, at now: Int, _ events: inout [Event]
    ) {
        guard standing.isConfirmed, now < standing.leaseEnd, leaving == .none,
            let definition = defined.known[id]?.definition,
            definition.isEnabled, holds[id] == nil
        else { return }
        holds[id] = Hold(token: token, isKept: definition.partition == .keep)
        unownedSince[id] = nil
        events.append(.held(definition, token: token, former: former))
    }

    private mutating func drop(_ id: Identifier, _ reason: Reason, _ events: inout [Event]) {
        guard holds.removeValue(forKey: id) != nil else { return }
        unclosed.insert(id)
        events.append(.dropped(id, reason))
    }

    private mutating func dropAll(_ reason: Reason, where isDropped: (Hold) -> Bool = { _ in true }) -> [Event] {
        let ids = holds.filter { isDropped($0.value) }.keys.sorted()
        for id in ids { holds[id] = nil }
        unclosed.formUnion(ids)
        return ids.map { .dropped($0, reason) }
    }

    // MARK: Requests

    private mutating func next(at now: Int, _ events: inout [Event]) -> LinkRequest? {
        if leaving == .leaving { return nextOfLeaving() }
        if standing.generation == nil || now >= schedule.beatDueAt || now >= standing.leaseEnd && standing.isConfirmed {
            return beat(at: now)
        }
        if !defined.areCurrent { return .readDefinitions }
        if defined.mustRestore { return restoring }
        if !owned.areCurrent { return .readOwners }
        if !standing.isConfirmed { return reclaiming(at: now, &events) }
        guard now + Self.marginMilliseconds < standing.leaseEnd else { return beat(at: now) }
        guard now >= schedule.lookDueAt else { return nil }
        schedule.lookDueAt = now + timing.check / 4
        resume(at: now, &events)
        move(at: now, &events)
        if let release = releasing() { return release }
        return now >= standing.quarantineEnd ? claiming(at: now) : nil
    }

    private func beat(at now: Int) -> LinkRequest {
        let text = LinkLease.text(timeout: timing.timeout, weight: weight, node: node)
        // Nobody who was silent for so long acts for a link, and whoever lives writes its lease again.
        let old = seen.filter { $0.key != boot && now - $0.value.since > $0.value.lease.timeout * 2 }
        return .beat(text: text, forgotten: old.sorted { $0.key < $1.key }.map { ($0.key, $0.value.lease.text) })
    }

    private func nextOfLeaving() -> LinkRequest? {
        if let release = releasing() { return release }
        return unclosed.isEmpty ? .beat(text: [], forgotten: []) : nil
    }

    /// Puts back what the store has lost; the versions see to it that nobody's newer text is overwritten.
    private var restoring: LinkRequest {
        .restore(
            defined.missing.prefix(LinkLimits.batchMax).compactMap { id in
                defined.known[id].map { (id: id, text: $0.text) }
            })
    }

    private mutating func reclaiming(at now: Int, _ events: inout [Event]) -> LinkRequest? {
        let claims = holds.filter { !isOwn(owned.known[$0.key], $0.value.token) }.sorted { $0.key < $1.key }
            .prefix(LinkLimits.batchMax)
            .map { LinkRequest.Claim(id: $0.key, owner: nil, lease: [], held: $0.value.token) }
        return claims.isEmpty ? .readOwners : .claim(claims)
    }

    /// Takes up what the store says to be this node's: its answer was lost, or it had let go for a while.
    private mutating func resume(at now: Int, _ events: inout [Event]) {
        guard now >= standing.quarantineEnd else { return }
        for (id, owner) in owned.known
        where owner.boot == boot && holds[id] == nil && !moving.contains(id) && !unclosed.contains(id) {
            hold(id, owner.token, former: nil, at: now, &events)
        }
    }

    private func isEnabled(_ id: Identifier) -> Bool { defined.known[id]?.definition?.isEnabled ?? false }

    private func releasing() -> LinkRequest? {
        let links = owned.known.filter { $0.value.boot == boot && holds[$0.key] == nil && !unclosed.contains($0.key) }
            .filter { leaving != .none || moving.contains($0.key) || !isEnabled($0.key) }
            .sorted { $0.key < $1.key }.prefix(LinkLimits.batchMax)
        return links.isEmpty ? nil : .release(links.map { ($0.key, $0.value.token) })
    }

    private func isAlive(_ boot: String, at now: Int) -> Bool {
        boot == self.boot || seen[boot].map { now - $0.since <= $0.lease.timeout } ?? false
    }

    private func placement(at now: Int) -> LinkPlacement {
        var nodes = seen.filter { $0.key != boot && isAlive($0.key, at: now) }
            .map { LinkPlacement.Candidate(boot: $0.key, node: $0.value.lease.node, weight: $0.value.lease.weight) }
        nodes.append(LinkPlacement.Candidate(boot: boot, node: node, weight: weight))
        let enabled = defined.known.keys.filter { isEnabled($0) }
        var placement = LinkPlacement(nodes, links: enabled.count)
        for id in enabled { if let owner = owned.known[id], isAlive(owner.boot, at: now) { placement.has(owner.boot) } }
        return placement
    }

    /// Lets the link go that was claimed last, when this node has more than its share.
    private mutating func move(at now: Int, _ events: inout [Event]) {
        moving = moving.filter { owned.known[$0]?.boot == boot }
        let wait = max(1, min(Self.moveMilliseconds, 10 * Self.tenthMilliseconds / max(1, holds.count)))
        guard !holds.isEmpty, now - schedule.lastMoveAt >= wait else { return }
        let count = min(placement(at: now).surplus(of: boot), (now - schedule.lastMoveAt) / wait, holds.count / 100 + 1)
        schedule.lastMoveAt = now
        for (id, _) in holds.sorted(by: { $0.value.token > $1.value.token }).prefix(count) {
            drop(id, .moved, &events)
            moving.insert(id)
        }
    }

    private mutating func claiming(at now: Int) -> LinkRequest? {
        var free: [Identifier] = []
        for (id, known) in defined.known {
            guard known.definition?.isEnabled ?? false else { unownedSince[id] = nil; continue }
            if let owner = owned.known[id], isAlive(owner.boot, at: now) || owner.boot == boot {
                unownedSince[id] = nil
            } else {
                free.append(id)
                unownedSince[id] = unownedSince[id] ?? now
            }
        }
        let isSpared = weight == 0 && seen.contains { $0.value.lease.weight > 0 && isAlive($0.key, at: now) }
        guard !free.isEmpty, !isSpared else { return nil }
        var placement = placement(at: now)
        var claims: [LinkRequest.Claim] = []
        for id in free.sorted() where claims.count < LinkLimits.batchMax {
            let isMine = placement.place(id) == boot
            let waited = now - (unownedSince[id] ?? now)
            let turn = 2 * timing.check * (1 + placement.rank(of: boot, for: id))
            guard isMine || waited >= turn else { continue }
            let owner = owned.known[id]
            let lease = owner.flatMap { seen[$0.boot]?.lease.text } ?? []
            claims.append(LinkRequest.Claim(id: id, owner: owner, lease: lease, held: nil))
        }
        return claims.isEmpty ? nil : .claim(claims)
    }
}
