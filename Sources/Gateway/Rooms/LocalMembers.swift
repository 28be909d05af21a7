import Core
import NetworkIO
import Overload
import WireProtocol

/// A connection, as the delivery of a room's batches sees it. `FanOut` is compiled for each conforming class, so that a
/// member costs no dynamic dispatch.
protocol Recipient: AnyObject {
    /// Queues a frame for the end of the turn.
    func deliver(_ frame: FrameSlice)
    /// As `deliver`, for the last frame that a room has in this turn: it may leave at once.
    func deliverLast(_ frame: FrameSlice)
    /// One of its messages has its answer among what was delivered.
    func answered()
    /// Its own messages are sent to it, too, behind their acks.
    var wantsEcho: Bool { get }
    /// It takes frames in their compressed form.
    var isDeflateAgreed: Bool { get }
    /// While a batch is delivered: its first cut in the batch, or -1.
    var firstCut: Int32 { get set }
    func isMember(of members: LocalMembers<Self>) -> Bool
    /// The last one in the array took the place of one that left.
    func moved(in members: LocalMembers<Self>, to index: Int)
}

/// The members of a room on its home's own worker, as the room sees them.
class LocalAudience {
    /// The room itself, when it is at home on this worker: a message then finds its way without a look into a table.
    /// Either keeps the other until the last member went.
    private(set) final var owner: RoomOwner?

    /// Ties this to the room that is at home on the same worker.
    final func connect(to owner: RoomOwner) {
        self.owner = owner
        owner.localAudience = self
    }

    /// Unties it again; to be called when the last member went.
    final func disconnect() {
        if owner?.localAudience === self { owner?.localAudience = nil }
        owner = nil
    }

    /// Hands a batch to the members.
    /// - Parameter isTurnEnding: nothing more will come from this room in this turn.
    func deliver(_ batch: RoomBatch, isTurnEnding: Bool) {
        preconditionFailure("an audience has a class of its own")
    }
}

/// The connections of one worker that are in a room, in one array that delivery walks over. Thread: the worker's.
final class LocalMembers<Member: Recipient>: LocalAudience, Identifiable {
    let room: Identifier
    var id: Identifier { room }
    /// The room's home worker.
    let home: Int
    private unowned(unsafe) let delivery: LocalDelivery<Member>
    /// Unmanaged, so that delivery counts no references: a connection leaves its rooms before its loop lets go of it.
    @exclusivity(unchecked) private var members: ContiguousArray<Unmanaged<Member>> = []

    /// - Parameter delivery: the worker's, which outlives its members.
    init(room: Identifier, home: Int, delivery: LocalDelivery<Member>) {
        self.room = room
        self.home = home
        self.delivery = delivery
    }

    var count: Int { members.count }
    var isEmpty: Bool { members.isEmpty }

    /// Calls `body` with every member. It must not make any come or go; sending does not.
    @inline(__always)
    func withEach(_ body: (Member) -> Void) {
        for member in members { member._withUnsafeGuaranteedRef(body) }
    }

    /// Takes a member in; returns its place.
    func insert(_ member: Member) -> Int {
        // Small rooms are many: the array grows by quarters there and not by doubling.
        if members.count == members.capacity, members.count < 64 {
            members.reserveCapacity(members.count + max(members.count / 4, 2))
        }
        members.append(.passUnretained(member))
        return members.count - 1
    }

    /// Removes the member at `index`; the last one takes its place and is notified.
    func remove(at index: Int) {
        let last = members.removeLast()
        guard index < members.count else { return }
        members[index] = last
        last.takeUnretainedValue().moved(in: self, to: index)
    }

    override func deliver(_ batch: RoomBatch, isTurnEnding: Bool) {
        delivery.deliver(batch, to: self, isTurnEnding: isTurnEnding)
    }
}

/// One member's place in a room.
struct Membership<Member: Recipient> {
    let members: LocalMembers<Member>
    /// The place among the members.
    var index: Int32
}

/// The members of all rooms on one worker, and the delivery to them. Thread: the worker's.
final class LocalDelivery<Member: Recipient> {
    /// Hands a batch to members and authors; returns how many room messages were handed to members.
    typealias Distribute = (_ batch: RoomBatch, _ members: LocalMembers<Member>?, _ isTurnEnding: Bool) -> Int

    private let core: WorkerCore
    private let distribute: Distribute
    @exclusivity(unchecked) private var rooms = IdentifierTable<LocalMembers<Member>>()

    /// - Parameter distribute: `FanOut.distribute`, called where the type of the members is known: the compiler
    ///   specialises the walk over them there, and can't where a method is found through a generic class.
    init(_ core: WorkerCore, distribute: @escaping Distribute) {
        self.core = core
        self.distribute = distribute
    }

    /// The members of a room here, made if there were none.
    /// - Parameter owner: the room, if it is at home here.
    func open(_ room: Identifier, owner: RoomOwner?) -> LocalMembers<Member> {
        if let found = rooms[room] { return found }
        let made = LocalMembers(room: room, home: core.context.home(of: room), delivery: self)
        rooms[room] = made
        if let owner { made.connect(to: owner) }
        return made
    }

    /// Takes a member out of its place in a room.
    func remove(from members: LocalMembers<Member>, at index: Int) {
        members.remove(at: index)
        guard members.isEmpty else { return }
        members.disconnect()
        if rooms[members.room] === members { rooms[members.room] = nil }
    }

    /// Hands a batch to the members here, if there are any, and to its authors.
    func deliver(_ batch: RoomBatch) { deliver(batch, to: rooms[batch.room], isTurnEnding: false) }

    func deliver(_ batch: RoomBatch, to members: LocalMembers<Member>?, isTurnEnding: Bool) {
        guard !batch.cuts.isEmpty, let start = core.workBegins() else {
            return core.counters.messagesOut.add(distribute(batch, members, isTurnEnding))
        }
        core.counters.messagesOut.add(distribute(batch, members, isTurnEnding))
        let part = (Clock.monotonicNanoseconds() - start) / batch.cuts.count
        // Its authors are whom a delivery is for.
        for cut in batch.cuts {
            core.load.controller.turns.worked(
                part, by: .connection(worker: cut.worker, socketKey: cut.socketKey), (nil, nil))
        }
    }
}
