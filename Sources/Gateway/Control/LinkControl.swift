import ClusterState
import Core
import Logging
import NetworkIO
import Overload
import WireProtocol

/// The node's links: which of the cluster's it owns is decided by `LinkShare`; their connections are on workers. In
/// single mode it owns all, in the node's own memory.
///
/// Thread: the control loop's.
final class LinkControl {
    /// So often this node's links are written down that stand differently.
    private static let reportMilliseconds = 1_000
    /// How long a change waits to be seen here before it is answered all the same.
    private static let answerMilliseconds = 2_000

    let context: NodeContext
    let store: any Store
    private let loop: EventLoop
    private(set) var share: LinkShare
    private let quarantine: Int
    private var isStoreThere: Bool
    /// This node's links, as their workers said last.
    private(set) var records: [Identifier: (token: Int, record: LinkRecord)] = [:]
    /// Those of them that the store has not.
    private var unreported: Set<Identifier> = []
    /// Of these, such as must not wait: a replay by another owner would send again what they have sent.
    private var urgent: Set<Identifier> = []
    /// How links stood when this node let them go, until it holds them again under the same token.
    private var last: [Identifier: (token: Int, record: LinkRecord)] = [:]
    private var isReporting = false
    private var reportDueAt = 0
    /// Changes that were written, until this node has read them.
    private var changes: [(version: Int, until: Int, answer: () -> Void)] = []
    private var isAsking = false
    private var left: (() -> Void)?

    /// - Parameter store: the cluster's; nil in single mode.
    init(_ store: (any Store)?, context: NodeContext, loop: EventLoop) {
        self.context = context
        self.loop = loop
        let times = context.configuration.linkTimes
        if let store {
            self.store = store
        } else {
            let offset = Clock.unixMilliseconds() - Clock.bootMilliseconds()
            self.store = MemoryStore(boot: context.boot) { (Clock.bootMilliseconds() + offset) * 1000 }
        }
        isStoreThere = store == nil
        quarantine = store == nil ? 0 : times.timeout
        // Nobody else can own what a single node does not renew.
        let timing =
            store == nil
            ? LinkShare.Timing(check: times.check, timeout: 600_000, isAlone: true)
            : LinkShare.Timing(check: times.check, timeout: times.timeout)
        share = LinkShare(
            boot: context.boot, node: context.nodeID, timing: timing, weight: Self.weight(context),
            at: Clock.bootMilliseconds())
        context.mail.links.connect(to: loop.wakeHandle)
        store?.subscribe(LinkKeys.channel) { [weak self] notice in
            guard let self, case .message(let boot) = notice, boot != Array(context.boot.utf8) else { return }
            share.hinted(at: Clock.bootMilliseconds())
            step()
        }
    }

    /// A node's share of the links: by its workers, and none at heavy.
    private static func weight(_ context: NodeContext) -> Int {
        let tier = context.governor.current.tierInEffect
        let capacity = min(10 * context.workerCount, LinkLease.weightMax)
        switch tier {
        case .normal, .light: return capacity
        case .moderate: return max(capacity / 2, 1)
        case .heavy: return 0
        }
    }

    // MARK: Time and store

    func ticked() {
        share.weight = Self.weight(context)
        step()
        report()
        answerChanges()
        count()
    }

    /// There may be mail.
    func woken() {
        let notices = context.mail.links.takeAll()
        guard !notices.isEmpty else { return }
        for notice in notices { received(notice) }
        report()
        reportClosed()
        step()
    }

    func storeLost() { isStoreThere = false }

    func storeReturned() {
        isStoreThere = true
        share.hinted(at: Clock.bootMilliseconds())
        step()
    }

    /// The node begins to end: its links are for others from now on.
    func drain() {
        apply(share.drain(at: Clock.bootMilliseconds()))
        step()
    }

    /// Calls `done` once all links are given back; the caller has its own time limit.
    func leave(_ done: @escaping () -> Void) {
        drain()
        guard isStoreThere, !share.hasLeft else { return done() }
        left = done
    }

    func stop() {
        context.mail.links.connect(to: nil)
        left = nil
    }

    /// Has the share ask what is due, and acts on what it says.
    private func step() {
        let dropped = share.ticked(at: Clock.bootMilliseconds())
        noteFence(in: dropped)
        apply(dropped)
        defer { context.links.lease(until: share.actsUntil) }
        guard isStoreThere, !isAsking else { return }
        let (operation, events) = share.request(at: Clock.bootMilliseconds())
        apply(events)
        guard let operation else { return checkLeft() }
        isAsking = true
        store.perform(operation, in: .commits) { [weak self] result in
            guard let self else { return }
            isAsking = false
            let events = share.answered(try? result.get(), at: Clock.bootMilliseconds())
            // Before workers hear of what they may act for; and before that, what they may not.
            noteFence(in: events)
            context.links.lease(until: share.actsUntil)
            apply(events)
            answerChanges()
            step()
        }
    }

    private func checkLeft() {
        guard share.hasLeft, let left else { return }
        self.left = nil
        left()
    }

    // MARK: Events

    private func noteFence(in events: [LinkShare.Event]) {
        let isFenced = events.contains { if case .dropped(_, .fenced) = $0 { true } else { false } }
        if isFenced { context.links.fenced() }
    }

    private func apply(_ events: [LinkShare.Event]) {
        for event in events {
            switch event {
            case .held(let definition, let token, let former): hold(definition, token: token, former: former)
            case .changed(let definition):
                if let token = share.token(of: definition.id, at: Clock.bootMilliseconds()) {
                    broadcast(.drop(definition.id, token: token, atOnce: false))
                    begin(definition, token: token, wait: 0)
                }
            case .dropped(let id, let reason): drop(id, reason)
            }
        }
    }

    private func hold(_ definition: LinkDefinition, token: Int, former: String?) {
        var fields: Logger.Metadata = ["link": "\(definition.id)", "token": "\(token)"]
        if let former {
            fields["former"] = "\(former)"
            context.logger.notice("a link was taken over from an owner that is silent", metadata: fields)
        } else {
            context.logger.info("a link is this node's", metadata: fields)
        }
        let cooldown = definition.cooldownSeconds.map { $0 * 1000 } ?? context.configuration.linkTimes.cooldown
        begin(definition, token: token, wait: former == nil ? 0 : cooldown)
    }

    /// Reads how the link stood, then has its worker begin.
    private func begin(_ definition: LinkDefinition, token: Int, wait: Int) {
        let id = definition.id
        store.perform(LinkCall.read([id])) { [weak self] result in
            guard let self, share.token(of: id, at: Clock.bootMilliseconds()) == token else { return }
            guard let url = try? ServerURL(definition.url, .ws) else {
                return context.logger.error("a link has no URL", metadata: ["link": "\(id)"])
            }
            let stored = (try? result.get()).map(LinkCall.records)?.first.flatMap { $0 } ?? LinkRecord()
            let own = last.removeValue(forKey: id).flatMap { $0.token == token ? $0.record : nil }
            let record = own ?? stored
            records[id] = (token, record)
            send(
                .hold(
                    HeldLink(
                        definition: definition, url: url, token: token, fence: context.links.fence, record: record,
                        wait: wait)),
                of: definition)
        }
    }

    private func drop(_ id: Identifier, _ reason: LinkShare.Reason) {
        let fields: Logger.Metadata = ["link": "\(id)", "why": "\(reason.rawValue)"]
        switch reason {
        case .fenced, .lost: context.logger.warning("a link is not this node's any more", metadata: fields)
        case .disabled, .deleted, .moved, .drained: context.logger.info("a link is given up", metadata: fields)
        }
        guard let former = records.removeValue(forKey: id) else { return share.closed(id) }
        if former.record.state != .idle { publish(id, .idle, isOwned: false) }
        broadcast(.drop(id, token: former.token, atOnce: reason == .fenced || reason == .lost))
        closing[id] = context.workerCount
    }

    /// A definition, and with it the room, may have changed: whoever has the link hears it.
    private func broadcast(_ order: LinkOrder) { context.order(.link(order)) }

    /// By link, how many workers have not said that it is closed.
    private var closing: [Identifier: Int] = [:]
    /// Links whose connections have ended on all workers.
    private var closed: [Identifier] = []

    private func send(_ order: LinkOrder, of definition: LinkDefinition) {
        context.send(.control(.link(order)), to: context.home(of: definition.room ?? definition.id))
    }

    private func received(_ notice: LinkNotice) {
        switch notice {
        case .asked(let question, let responder): LinkAnswers(control: self).answer(question, responder)
        case .stands(let id, let token, let record):
            guard let known = records[id], known.token == token else { return }
            if known.record.state != record.state { publish(id, record.state, isOwned: true) }
            let isMoved = known.record.position != record.position
            if isMoved, share.link(id)?.definition.replays ?? false { urgent.insert(id) }
            records[id] = (token, record)
            unreported.insert(id)
        case .closed(let id, let token, let record):
            if let record { last[id] = (token, record) }
            let left = (closing[id] ?? 1) - 1
            closing[id] = left > 0 ? left : nil
            if left <= 0 { closed.append(id) }
        }
    }

    private func publish(_ id: Identifier, _ state: LinkMachine.State, isOwned: Bool) {
        context.publish(.link(id, state: state, owner: isOwned ? context.nodeID : nil))
    }

    // MARK: What is written down

    private func report() {
        let isDue = loop.now >= reportDueAt && !unreported.isEmpty
        guard isStoreThere, !isReporting, isDue || !urgent.isEmpty else { return }
        if isDue { reportDueAt = loop.now + Self.reportMilliseconds }
        let ids = (isDue ? unreported.union(urgent) : urgent).prefix(LinkLimits.batchMax)
        unreported.subtract(ids)
        urgent.subtract(ids)
        let written = ids.compactMap { id in records[id].map { (id: id, token: $0.token, record: $0.record) } }
        guard !written.isEmpty else { return }
        isReporting = true
        // In the lane of what is written of links that are let go: a later text must not come before.
        let operation = LinkCall.report(written, boot: context.boot, quarantine: quarantine)
        store.perform(operation, in: .commits) { [weak self] result in
            guard let self else { return }
            isReporting = false
            guard case .failure = result else { return report() }
            unreported.formUnion(ids)
        }
    }

    /// Writes how links stood that are let go, before others can have them.
    private func reportClosed() {
        while !closed.isEmpty {
            let ids = closed.prefix(LinkLimits.batchMax)
            closed.removeFirst(ids.count)
            let written = ids.compactMap { id in last[id].map { (id: id, token: $0.token, record: $0.record) } }
            guard isStoreThere, !written.isEmpty else {
                for id in ids { share.closed(id) }
                continue
            }
            let report = LinkCall.report(written, boot: context.boot, quarantine: quarantine)
            store.perform(report, in: .commits) { [weak self] result in
                guard let self else { return }
                if case .success = result { for each in written { last[each.id] = nil } }
                for id in ids { share.closed(id) }
                step()
            }
        }
    }

    private func count() {
        var counts = LinkCounts()
        counts.total = share.linkCount
        for id in share.held { counts.owned[records[id]?.record.state ?? .idle, default: 0] += 1 }
        context.links.counts.withLock { $0 = counts }
    }

    // MARK: Changes

    /// Whether the store can be asked now.
    var isReachable: Bool { isStoreThere }

    /// Writes a definition, or deletes it, and calls `done` once this node knows it.
    func define(
        _ id: Identifier, as definition: LinkDefinition?, if condition: LinkCall.Condition,
        _ done: @escaping (LinkCall.Defined?) -> Void
    ) {
        let operation = LinkCall.define(
            id, as: definition, if: condition, boot: context.boot, quarantine: quarantine)
        store.perform(operation, in: .commits) { [weak self] result in
            guard let self, let outcome = (try? result.get()).flatMap(LinkCall.defined) else { return done(nil) }
            guard case .version(let version) = outcome else { return done(outcome) }
            changes.append((version, loop.now + Self.answerMilliseconds, { done(outcome) }))
            share.defined(at: Clock.bootMilliseconds())
            step()
            answerChanges()
        }
    }

    private func answerChanges() {
        guard !changes.isEmpty else { return }
        let (read, now) = (share.readVersion ?? 0, loop.now)
        let due = changes.filter { $0.version <= read || $0.until <= now }
        changes.removeAll { $0.version <= read || $0.until <= now }
        for change in due { change.answer() }
    }
}
