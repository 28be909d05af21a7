/// A loading process' share of the connections, and their rooms.
///
/// Thread: the loop's.
final class ClientTable {
    let plan: Plan
    let process: Int
    /// By local number. Nil where there was none yet.
    private(set) var clients: ContiguousArray<LoadClient?>
    /// By number. They live as long as the process: connections hold them unowned.
    private var rooms: [Int: RoomView] = [:]

    init(plan: Plan, process: Int) {
        self.plan = plan
        self.process = process
        clients = ContiguousArray(repeating: nil, count: plan.share(of: process))
    }

    func put(_ client: LoadClient, at local: Int) { clients[local] = client }

    func local(_ client: LoadClient) -> Int { Int(client.number) / plan.processes }

    /// The room with this number, which is made when it is not there yet.
    func room(_ number: Int) -> RoomView {
        if let room = rooms[number] { return room }
        let room = RoomView(number: number, name: plan.roomName(number))
        rooms[number] = room
        return room
    }

    /// The first so many local numbers are those of senders.
    var senderCount: Int { plan.senders(of: process) }

    /// Acks that are due.
    var unackedCount: Int {
        var count = 0
        for local in 0..<senderCount { count += clients[local]?.sender?.unacked ?? 0 }
        return count
    }

    // MARK: The end of a run

    /// The newest positions that were acked here.
    func marks(_ epochs: EpochNames) -> [RoomMark] {
        rooms.values.compactMap { room in
            room.acked.map { RoomMark(room: room.number, epoch: epochs.text($0.epoch), seq: $0.seq) }
        }
    }

    /// Those of rooms that have members here, by room.
    func own(_ marks: [RoomMark]) -> [Int: [RoomMark]] {
        Dictionary(grouping: marks.filter { rooms[$0.room] != nil }, by: \.room)
    }

    /// Seqs behind the newest that each connected member has, up to its room's mark. A member of another epoch has
    /// heard so by a gap, and is not compared.
    func undelivered(_ marks: [Int: [RoomMark]], _ epochs: EpochNames) -> Int {
        var count = 0
        for case let client? in clients where client.isIn {
            for mark in marks[client.room.number] ?? []
            where mark.seq > client.checker.last && epochs.text(client.epoch) == mark.epoch {
                count += Int(mark.seq - client.checker.last)
            }
        }
        return count
    }
}
