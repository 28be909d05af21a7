import Core
import Rooms

/// The users of one worker by id.
///
/// Nearly all users have one connection and nothing else worth remembering: for them this holds that connection and no
/// `UserOwner`. One is made when there is more to say (a second connection, the end of the first, an inbox), under the
/// number that the connection was given for it.
///
/// Thread: the home worker's.
struct KnownUsers {
    private enum Entry: Identifiable {
        case fresh(ConnectionInfo)
        case full(UserOwner)

        var id: Identifier {
            switch self {
            case .fresh(let info): info.user
            case .full(let owner): owner.id
            }
        }
    }

    private var entries = IdentifierTable<Entry>()

    init() {}

    var count: Int { entries.count }

    func contains(_ id: Identifier) -> Bool { entries[id] != nil }

    /// Takes in the first connection of a user that is not known.
    mutating func insert(first info: ConnectionInfo) {
        precondition(!contains(info.user), "the user is known")
        entries[info.user] = .fresh(info)
    }

    /// Takes in a user that is not known.
    mutating func insert(_ owner: UserOwner) {
        precondition(!contains(owner.id), "the user is known")
        entries[owner.id] = .full(owner)
    }

    /// The user, if known.
    /// - Parameter make: makes the owner of a user of whom only the first connection was kept.
    mutating func find(_ id: Identifier, _ make: (User) -> UserOwner) -> UserOwner? {
        switch entries[id] {
        case .none: return nil
        case .full(let owner): return owner
        case .fresh(let info):
            let owner = make(User(info))
            entries[id] = .full(owner)
            return owner
        }
    }

    /// The user's owner, if it has one: none is made.
    func owner(of id: Identifier) -> UserOwner? { if case .full(let owner)? = entries[id] { owner } else { nil } }

    /// All owners, in no order. Users of whom only the first connection was kept have none.
    var owners: [UserOwner] { owners(inPart: 0, of: 1) }

    /// The owners in one of so many parts of all users, as `IdentifierTable.part`.
    func owners(inPart index: Int, of count: Int) -> [UserOwner] {
        entries.part(index, of: count).compactMap { if case .full(let owner) = $0 { owner } else { nil } }
    }

    /// Forgets a user.
    mutating func remove(_ id: Identifier) { entries[id] = nil }
}
