import Foundations
import Rooms

/// The users of one worker by id.
///
/// Nearly all users have one connection and nothing else worth remembering: for them the table holds that connection
/// and no `User`. One is made when there is more to say (a second connection, the end of the first, an inbox), under
/// the number that the connection was given for it.
///
/// Thread: the home worker's.
struct UserTable {
    private enum Entry: Named {
        case fresh(ConnectionInfo)
        case full(User)

        var id: Identifier {
            switch self {
            case .fresh(let info): info.user
            case .full(let user): user.id
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
    mutating func insert(_ user: User) {
        precondition(!contains(user.id), "the user is known")
        entries[user.id] = .full(user)
    }

    /// The user, if known.
    mutating func find(_ id: Identifier) -> User? {
        switch entries[id] {
        case .none: return nil
        case .full(let user): return user
        case .fresh(let info):
            let user = User(info)
            entries[id] = .full(user)
            return user
        }
    }

    /// Forgets a user.
    mutating func remove(_ id: Identifier) { entries[id] = nil }
}
