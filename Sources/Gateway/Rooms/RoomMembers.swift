import Foundations

/// The connections of one worker that are in a room, in one array that delivery walks over.
final class RoomMembers: Named {
    let room: Identifier
    var id: Identifier { room }
    /// The room's home worker.
    let home: Int
    /// The room itself, when it is at home on this worker: a message then finds its way without a look into a table.
    /// Either keeps the other until the last member went.
    private(set) var localHome: RoomHome?
    private(set) var connections: ContiguousArray<Connection> = []

    init(room: Identifier, home: Int) {
        self.room = room
        self.home = home
    }

    /// Ties this to the room that is at home on the same worker.
    func connect(to home: RoomHome) {
        localHome = home
        home.localMembers = self
    }

    /// Unties it again; to be called when the last member went.
    func disconnect() {
        if localHome?.localMembers === self { localHome?.localMembers = nil }
        localHome = nil
    }

    /// Takes a connection in; returns its place.
    func insert(_ connection: Connection) -> Int {
        // Small rooms are many: the array grows by quarters there and not by doubling.
        if connections.count == connections.capacity, connections.count < 64 {
            connections.reserveCapacity(connections.count + max(connections.count / 4, 2))
        }
        connections.append(connection)
        return connections.count - 1
    }

    /// Removes the connection at `index`; the last one takes its place and is told.
    func remove(at index: Int) {
        let last = connections.removeLast()
        guard index < connections.count else { return }
        connections[index] = last
        last.moved(in: self, to: index)
    }
}

/// One connection's place in a room.
struct Membership {
    let members: RoomMembers
    /// The place in `members.connections`.
    var index: Int32
}
