import ClusterState
import Core
import Rooms
import WireProtocol

/// The HTTP API's services of one worker. Thread: the worker's.
final class WorkerServices: APIServices {
    private let core: WorkerCore
    private let rooms: RoomTable
    private let surveys: Surveys
    private let batches: PublicationBatches
    /// As of the last change.
    var locks = LockReport()

    /// - Parameter rooms: those that are at home on the same worker.
    init(_ core: WorkerCore, _ rooms: RoomTable, _ surveys: Surveys, _ batches: PublicationBatches) {
        self.core = core
        self.rooms = rooms
        self.surveys = surveys
        self.batches = batches
    }

    var router: Router { Router(services: self) }

    var context: NodeContext { core.context }
    var now: Int { core.loop.now }
    var unixNow: Int { core.loop.unixNow }
    var counters: WorkerCounters { core.counters }
    var load: LoadControl { core.load }
    var tokens: TokenGate? { core.credentials.tokens }
    var random: FastRandom {
        get { core.random }
        _modify { yield &core.random }
    }
    var otherNodes: [NodeRecord] { rooms.replication?.otherNodes ?? [] }

    func makeID(after head: String) -> String { core.makeID(after: head) }
    func read(by key: UInt64, of address: IPAddress?, bytesMax: Int, _ question: @escaping () -> Void) {
        core.read(by: key, of: address, bytesMax: bytesMax, question)
    }
    func send(_ message: WorkerMessage, to worker: Int) { core.send(message, to: worker) }

    func listRooms(after cursor: Identifier?, limit: Int, _ completion: @escaping ([RoomDescription]?) -> Void) {
        if let replication = rooms.replication, !replication.isStoreAway {
            return RoomDirectory(table: rooms).list(after: cursor, limit: limit, replication, [], completion)
        }
        surveys.findRooms(after: cursor, limit: limit, completion)
    }

    func listUsers(after cursor: Identifier?, limit: Int, _ completion: @escaping (OnlineDirectory.Found?) -> Void) {
        OnlineDirectory(core: core, surveys: surveys, replication: rooms.replication)
            .list(after: cursor, limit: limit, completion)
    }

    func publish(_ parts: [PublicationBatches.Part], for responder: Responder) { batches.begin(parts, for: responder) }
}
