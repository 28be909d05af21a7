import ControlPlane
import Foundations
import Rooms
import WireProtocol

/// The parts of a worker that the HTTP API uses. The API knows nothing of connections and sockets: its router and
/// handlers take a call and return a `Reply`.
///
/// Thread: the worker's.
protocol APIServices: AnyObject, MailSender {
    var context: NodeContext { get }
    /// Loop milliseconds.
    var now: Int { get }
    /// Unix milliseconds.
    var unixNow: Int { get }
    /// The worker's own counters.
    var counters: WorkerCounters { get }
    /// The worker's policy, its gate for new connections, and the answers that it keeps for others.
    var load: LoadControl { get set }
    /// For spreading things in time.
    var random: FastRandom { get set }
    /// The other nodes of the cluster, as last known.
    var otherNodes: [NodeRecord] { get }
    /// The locks of the cluster that this node holds.
    var locks: NodeLocks.Report { get }

    /// A name that no other room, message, session or device of this process has.
    func makeName(after head: String) -> String

    /// Hands rooms of all nodes above `cursor` to `completion`, once: sorted or not, more than `limit` if there are
    /// more, nil when the store gave no answer.
    func listRooms(after cursor: Identifier?, limit: Int, _ completion: @escaping ([RoomDescription]?) -> Void)
}

extension APIServices {
    var configuration: Configuration { context.configuration }

    /// The way of every request to a room's or a user's home.
    /// - Parameter work: runs on the thread of the worker where `id` is at home, and answers through the responder.
    func atHome(of id: Identifier, _ work: @escaping @Sendable (Worker, Responder) -> Void) -> Reply {
        let home = context.home(of: id)
        return .later { [self] responder in post(to: home) { work($0, responder) } }
    }

    /// How many entries a read may have that asked for `wanted`: fewer under load, which is counted as `kind`.
    func readLimit(_ wanted: Int, _ kind: ShedKind) -> Int {
        let policy = load.policy
        guard policy.tier != .normal, let most = policy.readsMax, most < wanted else { return wanted }
        counters.shed(kind)
        return most
    }
}
