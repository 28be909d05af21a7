import ControlPlane
import Foundations
import NetworkIO
import Rooms
import WireProtocol

extension Worker {
    var index: Int { core.index }
    var context: NodeContext { core.context }
    var loop: EventLoop { core.loop }
    var counters: WorkerCounters { core.counters }
    var configuration: Configuration { core.configuration }
    var load: LoadControl {
        get { core.load }
        set { core.load = newValue }
    }
    var store: (any Store)? { replication?.store }
    var isStoreAway: Bool { replication?.isStoreAway ?? false }
    var otherNodes: [NodeRecord] { replication?.otherNodes ?? [] }
    func post(to worker: Int, _ work: @escaping @Sendable (Worker) -> Void) { core.send(.run(work), to: worker) }
}
