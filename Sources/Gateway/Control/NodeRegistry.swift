import ClusterState
import Core
import Logging
import NetworkIO

/// Makes this node known to its cluster and notifies its workers of who else is there. What is decided is decided by
/// `ClusterMembership`.
///
/// Thread: the control loop's.
final class NodeRegistry {
    private let context: NodeContext
    private let loop: EventLoop
    private let logger: Logger
    private var membership: ClusterMembership
    private let store: any Store
    /// Called when the record is away; set once the node leaves.
    private var left: (() -> Void)?

    /// Called with the run of each node whose life has ended.
    var nodeWent: (String) -> Void = { _ in }
    /// Called with the run of each node that lives after all.
    var nodeReturned: (String) -> Void = { _ in }

    /// - Parameter store: the cluster's.
    init(_ store: any Store, context: NodeContext, loop: EventLoop) {
        self.store = store
        self.context = context
        self.loop = loop
        var logger = context.logger
        logger[metadataKey: "node"] = "\(context.nodeID)"
        self.logger = logger
        membership = ClusterMembership(
            node: context.nodeID, boot: context.boot,
            heartbeatMilliseconds: context.configuration.nodeHeartbeatMilliseconds,
            expiryMilliseconds: context.configuration.nodeExpiryMilliseconds, at: loop.now)
        store.subscribe(Beat.channel) { [weak self] notice in self?.noticed(notice) }
    }

    /// The runs of all nodes that are known to live, this one's included.
    var livingNodes: [String] { [context.boot] + membership.nodes.map(\.boot) }

    /// At each tick of the loop.
    func ticked() {
        if left == nil, membership.ticked(at: loop.now) { beat() }
    }

    /// Has the others know at the next tick how this node stands now.
    func changed() { membership.hinted(at: loop.now) }

    /// Takes this node's record away; `done` is called when that has happened, or can't.
    func leave(_ done: @escaping () -> Void) {
        guard left == nil else { return done() }
        left = done
        let last = Beat.operation(
            boot: context.boot, record: nil, isPublished: true,
            expiryMilliseconds: context.configuration.nodeExpiryMilliseconds)
        store.perform(last) { [weak self] _ in self?.left?() }
    }

    /// From now on nobody is notified.
    func stop() { left = {} }

    // MARK: Beats

    private func noticed(_ notice: StoreNotice) {
        // Another node, or the subscription stands: what was published before that was not heard.
        if notice != .message(Array(context.boot.utf8)) { membership.hinted(at: loop.now) }
    }

    private func beat() {
        let operation = membership.beat(context.record(at: loop.unixNow), at: loop.now)
        store.perform(operation) { [weak self] result in self?.beatEnded(result) }
    }

    private func beatEnded(_ result: StoreResult) {
        guard left == nil else { return }
        guard case .success(let reply) = result, let answer = Beat.answer(reply) else {
            logger.debug("a beat has failed", metadata: ["result": "\(result)"])
            return membership.beatFailed()
        }
        context.controlStore.clockOffset.set(answer.time - loop.now)
        let events = membership.beatAnswered(answer, at: loop.now, unixNow: loop.unixNow)
        let nodes = membership.nodes
        context.order(.nodes(nodes))
        for event in events { happened(event) }
    }

    private func happened(_ event: ClusterMembership.Event) {
        switch event {
        case .up(let node):
            logger.notice("a node is up", metadata: metadata(node))
            context.publish(.node(node.node, .up))
        case .suspect(let node):
            logger.notice("a node is silent", metadata: metadata(node))
            context.publish(.node(node.node, .suspect))
        case .draining(let node):
            logger.notice("a node drains", metadata: metadata(node))
            context.publish(.node(node.node, .draining))
        case .gone(let node, let departure):
            let fields = metadata(node).merging(["why": "\(departure.rawValue)"]) { _, new in new }
            logger.notice("a node has gone", metadata: fields)
            context.publish(.node(node.node, .gone))
            context.order(.nodeGone(boot: node.boot))
            nodeWent(node.boot)
        case .sameName(let node):
            logger.error("another node has the same NODE_ID; give each its own", metadata: metadata(node))
        case .returned(let node):
            logger.notice("a node that had gone is back", metadata: metadata(node))
            nodeReturned(node.boot)
            context.order(.checkPresence)
        case .forgotten:
            logger.notice("the cluster had forgotten this node; it publishes anew who is in on it")
            context.order(.checkPresence)
        }
    }

    private func metadata(_ node: NodeRecord) -> Logger.Metadata {
        ["other": "\(node.node)", "boot": "\(node.boot)", "address": "\(node.address)"]
    }

    // MARK: The store

    /// It can't be reached.
    func storeLost() {
        membership.storeLost()
    }

    /// It can be reached, for the first time or again.
    func storeReturned() {
        membership.hinted(at: loop.now)
    }
}
