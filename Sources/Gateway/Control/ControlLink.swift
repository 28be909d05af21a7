import ClusterState
import NetworkIO

/// The control thread's way to what the cluster shares, and what the node does there: its record among the nodes, its
/// locks, and, if it is its turn, clearing away what dead nodes left. In single mode there is nothing but the locks, in
/// the node's own memory.
///
/// Thread: the control loop's.
final class ControlLink {
    let locks: NodeLocks
    let links: LinkControl
    /// nil in single mode, as `link`.
    private let registry: NodeRegistry?
    private let janitor: Janitor?
    private let link: StoreSupervisor?

    /// Begins with `start`.
    init(context: NodeContext, loop: EventLoop) {
        guard let options = context.configuration.redis else {
            locks = NodeLocks(context: context)
            links = LinkControl(nil, context: context, loop: loop)
            (registry, janitor, link) = (nil, nil, nil)
            return
        }
        var logger = context.logger
        logger[metadataKey: "worker"] = "control"
        let seed = Digest.random(count: 8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        let link = StoreSupervisor(
            options, name: "\(context.boot):control",
            scripts: [Beat.script, Sweep.script] + LockScripts.all + LinkScripts.all, loop: loop, logger: logger,
            seed: seed, counters: context.controlStore)
        locks = NodeLocks(link.store, context: context)
        links = LinkControl(link.store, context: context, loop: loop)
        let registry = NodeRegistry(link.store, context: context, loop: loop)
        let janitor = Janitor(link.store, keeper: locks.keeper, context: context, loop: loop) { [unowned registry] in
            registry.livingNodes
        }
        registry.nodeWent = { [unowned janitor] in janitor.nodeGone($0) }
        registry.nodeReturned = { [unowned janitor] in janitor.nodeReturned($0) }
        (self.registry, self.janitor) = (registry, janitor)
        self.link = link
        link.owner = self
    }

    /// Begins to connect.
    func start() { link?.start() }

    /// At each tick of the loop.
    func ticked() {
        link?.ticked()
        locks.ticked()
        links.ticked()
        registry?.ticked()
        janitor?.ticked()
    }

    /// Has the others know at the next tick how this node stands now.
    func changed() { registry?.changed() }

    /// Gives the node's locks back, then takes its record away; `done` is called when that has happened, or can't.
    func leave(_ done: @escaping () -> Void) {
        locks.close()
        links.leave { [registry] in
            guard let registry else { return done() }
            // Redis answers in order: with this answer it has the locks too.
            registry.leave(done)
        }
    }

    /// Ends the connections.
    func stop() {
        links.stop()
        registry?.stop()
        link?.stop()
    }
}

extension ControlLink: StoreObserver {
    var messagesKept: Int { 0 }

    func storeLost() {
        locks.storeLost()
        links.storeLost()
        registry?.storeLost()
    }

    func storeReturned() {
        locks.storeReturned()
        links.storeReturned()
        registry?.storeReturned()
    }
}
