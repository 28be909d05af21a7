import ClusterState
import Core
import Logging
import NetworkIO
import RedisLink

/// The locks of the cluster that parts of this node hold or wait for; logs what happens to them and notifies the
/// workers of which there are.
///
/// Thread: the control loop's.
final class NodeLocks {
    /// Where locks are asked for.
    let keeper: LockKeeper
    private let context: NodeContext
    private var lastReport = LockReport()

    /// In the store of a cluster, which is away until `storeReturned`.
    init(_ store: any Store, context: NodeContext) {
        self.context = context
        keeper = Self.keeper(store, quarantine: LockLimits.ttlMilliseconds.upperBound, context)
    }

    /// In single mode: in memory, where nobody else can hold anything that was forgotten.
    init(context: NodeContext) {
        self.context = context
        // A time of the wall clock that is not set while the process runs: leases go by it.
        let offset = Clock.unixMilliseconds() - Clock.bootMilliseconds()
        let store = MemoryStore(boot: LockClient.randomName()) { (Clock.bootMilliseconds() + offset) * 1000 }
        keeper = Self.keeper(store, quarantine: 0, context)
        keeper.storeConnected()
    }

    private static func keeper(_ store: any Store, quarantine: Int, _ context: NodeContext) -> LockKeeper {
        LockKeeper(
            store: store, name: LockClient.randomName(), quarantine: quarantine, clock: Clock.bootMilliseconds
        ) { [context] name, event in
            context.publish(.lock(name, token: event.token, SystemEvent.LockStep(event)))
            var fields: Logger.Metadata = ["lock": "\(name.text)", "token": "\(event.token)"]
            switch event {
            case .granted: context.logger.notice("a lock of the cluster is this node's", metadata: fields)
            case .reclaimed: context.logger.notice("a lock was taken over into new data of Redis", metadata: fields)
            case .released: context.logger.notice("a lock was given back", metadata: fields)
            case .lost(_, let loss):
                fields["why"] = "\(loss.rawValue)"
                context.logger.warning("a lock was lost", metadata: fields)
            }
        }
    }

    /// At each tick of the loop.
    func ticked() {
        keeper.ticked()
        let report = LockReport(held: keeper.held(at: Clock.bootMilliseconds()), lostTotal: keeper.lostTotal)
        guard report != lastReport else { return }
        lastReport = report
        context.order(.locks(report))
    }

    /// Gives them all back, and refuses who asks from then on.
    func close() { keeper.close() }

    func storeLost() { keeper.storeLost() }

    /// The store can be reached, for the first time or again.
    func storeReturned() { keeper.storeConnected() }
}

extension SystemEvent.LockStep {
    fileprivate init(_ event: LockKeeper.Event) {
        switch event {
        case .granted: self = .acquired
        case .reclaimed: self = .reclaimed
        case .released: self = .released
        case .lost: self = .lost
        }
    }
}
