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
    /// Unmanaged, so that delivery counts no references: a connection leaves its rooms before its loop lets go of it.
    private var connections: ContiguousArray<Unmanaged<Connection>> = []

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

    var count: Int { connections.count }
    var isEmpty: Bool { connections.isEmpty }

    /// Calls `body` with every connection. It must not make any come or go; sending does not.
    @inline(__always)
    func withEach(_ body: (Connection) -> Void) {
        for connection in connections { connection._withUnsafeGuaranteedRef(body) }
    }

    /// Takes a connection in; returns its place.
    func insert(_ connection: Connection) -> Int {
        // Small rooms are many: the array grows by quarters there and not by doubling.
        if connections.count == connections.capacity, connections.count < 64 {
            connections.reserveCapacity(connections.count + max(connections.count / 4, 2))
        }
        connections.append(.passUnretained(connection))
        return connections.count - 1
    }

    /// Removes the connection at `index`; the last one takes its place and is told.
    func remove(at index: Int) {
        let last = connections.removeLast()
        guard index < connections.count else { return }
        connections[index] = last
        last.takeUnretainedValue().moved(in: self, to: index)
    }
}

/// One connection's place in a room.
struct Membership {
    let members: RoomMembers
    /// The place among the members.
    var index: Int32
}
