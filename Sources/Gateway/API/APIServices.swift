import ClusterState
import Core
import Overload
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
    var load: LoadControl { get }
    /// Asks clients for tokens; nil: nobody does.
    var tokens: TokenGate? { get }
    /// For spreading things in time.
    var random: FastRandom { get set }
    /// The other nodes of the cluster, as last known.
    var otherNodes: [NodeRecord] { get }
    /// The locks of the cluster that this node holds.
    var locks: LockReport { get }

    /// Calls `question`, which asks homes, when the connection's turn among all reads has come.
    /// - Parameters:
    ///   - key: of its socket.
    ///   - bytesMax: the most that the answer may be, about.
    func read(by key: UInt64, of address: IPAddress?, bytesMax: Int, _ question: @escaping () -> Void)

    /// An id that no other room, message, session or device of this process has.
    func makeID(after head: String) -> String

    /// Hands rooms of all nodes above `cursor` to `completion`, once: sorted or not, more than `limit` if there are
    /// more, nil when the store gave no answer.
    func listRooms(after cursor: Identifier?, limit: Int, _ completion: @escaping ([RoomDescription]?) -> Void)

    /// Hands users that are online on any node above `cursor` to `completion`, once: more than `limit` if there are
    /// more, nil when too many such questions are under way.
    func listUsers(after cursor: Identifier?, limit: Int, _ completion: @escaping (OnlineDirectory.Found?) -> Void)

    /// Publishes the messages of a request, and answers it when each has its result.
    func publish(_ parts: [PublicationBatches.Part], for responder: Responder)
}

extension APIServices {
    var configuration: Configuration { context.configuration }

    /// The reply that a room's home makes.
    func ask(_ room: Identifier, _ question: RoomQuestion) -> Reply {
        .later { [self] in send(.room(room, .asked(question, $0)), to: context.home(of: room)) }
    }

    /// The reply that a user's home makes.
    func ask(_ user: Identifier, _ question: UserQuestion) -> Reply {
        .later { [self] in send(.user(user, .asked(question, $0)), to: context.home(of: user)) }
    }

    /// How many entries a read may have that asked for `wanted`: fewer under load, which is counted as `kind`.
    func readLimit(_ wanted: Int, _ kind: ShedKind) -> Int { load.readLimit(wanted, kind, counters) }
}
