import ClusterState
import Core
import Logging
import NetworkIO

/// Clears away what dead nodes left in the store: who was in rooms and connected as users on them, and rooms that are
/// gone from the index. One node of the cluster does it, under a lock.
///
/// Thread: the control loop's.
final class Janitor {
    private static let lockName = Identifier(unchecked: "janitor")
    /// So soon another node takes over from one that died.
    private static let ttlMilliseconds = 6_000
    private static let retryMilliseconds = 3_000

    private let store: any Store
    private let keeper: LockKeeper
    private let loop: EventLoop
    private let logger: Logger
    private let spans: Sweep.Spans
    /// For the operator's server: who takes users away says that they left.
    private let events: EventWriter?
    private let livingNodes: () -> [String]
    private var plan: SweepPlan
    private var lock: LockHandle?
    private var askAt: Int
    /// The sweep that is going on.
    private var sweep: Progress?

    private final class Progress {
        /// Beyond, the next sweep finds the others.
        static let unknownMax = 1_000

        let nodes: Sweep.Nodes
        var removed = 0
        var unknown: Set<String> = []

        init(_ nodes: Sweep.Nodes) { self.nodes = nodes }
    }

    /// - Parameter livingNodes: the runs of all nodes that are known to live, this one included.
    init(
        _ store: any Store, keeper: LockKeeper, context: NodeContext, loop: EventLoop,
        livingNodes: @escaping () -> [String]
    ) {
        self.store = store
        self.keeper = keeper
        self.loop = loop
        self.livingNodes = livingNodes
        logger = context.logger
        events = EventWriter(context)
        spans = Sweep.Spans(
            sessionTTL: context.configuration.sessionTTLMilliseconds,
            nodeExpiry: context.configuration.nodeExpiryMilliseconds)
        plan = SweepPlan(expiry: context.configuration.nodeExpiryMilliseconds, at: loop.now)
        askAt = loop.now + Self.retryMilliseconds
    }

    /// A node's life has ended.
    func nodeGone(_ boot: String) { plan.nodeGone(boot, at: loop.now) }

    /// A node that had gone lives.
    func nodeReturned(_ boot: String) { plan.nodeReturned(boot) }

    /// At each tick of the loop.
    func ticked() {
        if lock == nil, loop.now >= askAt { ask() }
        guard isOurs, sweep == nil, plan.isDue(at: loop.now) else { return }
        let progress = Progress(plan.nodes(living: livingNodes(), at: loop.now))
        sweep = progress
        plan.sweepBegan()
        sweepPage(from: Sweep.start, progress)
    }

    private var isOurs: Bool { lock?.check(at: Clock.bootMilliseconds()) == true }

    private func ask() {
        askAt = .max
        let request = LockRequest(
            // Two at once would only do the same twice.
            name: Self.lockName, owner: "janitor", ttl: Self.ttlMilliseconds, wait: 0, isBestEffort: true
        ) { [weak self] _ in
            guard let self else { return }
            lock = nil
            askAt = loop.now + Self.retryMilliseconds
        }
        keeper.acquire(request) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let handle):
                lock = handle
                plan.began(at: loop.now)
            case .failure: askAt = loop.now + Self.retryMilliseconds
            }
        }
    }

    // MARK: Presence

    private func sweepPage(from cursor: [UInt8], _ progress: Progress) {
        store.perform(Sweep.keys(from: cursor)) { [weak self] result in
            guard let self else { return }
            guard isOurs, let page = (try? result.get()).flatMap(Sweep.page) else { return fail() }
            sweep(page.keys, progress) { [weak self] in
                // The next part of the keys only now: this is paced by the answers.
                if let next = page.next { self?.sweepPage(from: next, progress) } else { self?.checkIndex(progress) }
            }
        }
    }

    /// Sweeps keys; `done` is called once the store has answered for all of them.
    private func sweep(_ keys: [[UInt8]], _ progress: Progress, _ done: @escaping () -> Void) {
        var left = keys.count
        guard left > 0 else { return done() }
        for key in keys {
            sweep(key, from: Sweep.start, progress) {
                left -= 1
                if left == 0 { done() }
            }
        }
    }

    private func sweep(_ key: [UInt8], from cursor: [UInt8], _ progress: Progress, _ done: @escaping () -> Void) {
        store.perform(Sweep.operation(key, from: cursor, progress.nodes, spans)) { [weak self] result in
            guard let answer = (try? result.get()).flatMap(Sweep.answer) else { return done() }
            progress.removed += answer.removed
            self?.say(answer.removals, of: key)
            if progress.unknown.count < Progress.unknownMax { progress.unknown.formUnion(answer.unknown) }
            guard let self, let next = answer.next else { return done() }
            sweep(key, from: next, progress, done)
        }
    }

    /// Has the operator's server hear of who is away now: of all nodes this one took them away.
    private func say(_ removals: [Sweep.Removal], of key: [UInt8]) {
        guard let events, let place = LogKeys.place(ofMembers: key) else { return }
        for removal in removals {
            events.add(
                removal.verdict, in: place, of: removal.user, isArrival: false, at: loop.unixNow, device: nil)
        }
        events.post()
    }

    // MARK: The index of rooms

    private func checkIndex(after cursor: Identifier? = nil, _ progress: Progress) {
        store.perform(RoomIndex.page(after: cursor, limit: RoomIndex.pageMax)) { [weak self] result in
            guard let self else { return }
            guard isOurs, let rooms = (try? result.get()).flatMap(RoomIndex.rooms) else { return fail() }
            for room in rooms { forgetIfGone(room) }
            guard let last = rooms.last, rooms.count == RoomIndex.pageMax else { return finish(progress) }
            checkIndex(after: last, progress)
        }
    }

    private func forgetIfGone(_ room: Identifier) {
        store.perform(RoomIndex.presence(of: room)) { [weak self] result in
            if result == .success(.integer(0)) { self?.store.forgetRoom(room) }
        }
    }

    private func finish(_ progress: Progress) {
        sweep = nil
        plan.swept(unknown: progress.unknown, at: loop.now)
        guard progress.removed > 0 else { return }
        logger.notice("what dead nodes left was cleared away", metadata: ["users": "\(progress.removed)"])
    }

    private func fail() {
        sweep = nil
        plan.failed(at: loop.now)
    }
}
