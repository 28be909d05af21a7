import Core
import WireProtocol

/// A user who is online, as the list of them shows it.
package struct OnlineUser: Sendable, Equatable {
    let user: Identifier
    /// Distinct devices on all nodes, those in their grace among them.
    var devices: Int
    /// The nodes that have them, by name.
    var nodes: [String]

    /// The same user as two nodes know it. Each knows all devices, but one may know the latest sooner.
    func merged(with other: OnlineUser) -> OnlineUser {
        OnlineUser(
            user: user, devices: max(devices, other.devices), nodes: Set(nodes).union(other.nodes).sorted())
    }
}

/// A page of the users who are online, of what workers and nodes say. Pure.
struct OnlinePage {
    let users: [OnlineUser]
    /// Where the next page begins, when there is one.
    let next: Identifier?

    /// - Parameter found: of each worker and node its first users above the cursor, one more than the limit if it has
    ///   so many; in no order.
    init(_ found: [OnlineUser], limit: Int) {
        var users: [OnlineUser] = []
        var isMore = false
        for user in found.sorted(by: { $0.user < $1.user }) {
            if let last = users.last, last.user == user.user {
                users[users.count - 1] = last.merged(with: user)
            } else if users.count == limit {
                isMore = true
                break
            } else {
                users.append(user)
            }
        }
        self.users = users
        next = isMore ? users.last?.user : nil
    }

    /// - Parameter missing: nodes that did not say whom they have.
    func response(missing: [String]) -> HTTPResponse {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("users")
        writer.beginArray()
        for user in users {
            writer.beginObject()
            writer.member("user", user.user)
            writer.member("devices", user.devices)
            writer.names("nodes", user.nodes)
            writer.endObject()
        }
        writer.endArray()
        if let next { writer.member("next_cursor", next) }
        if !missing.isEmpty { writer.names("missing_nodes", missing) }
        writer.endObject()
        return .json(200, writer.array)
    }
}

extension JSONWriter {
    fileprivate mutating func names(_ name: StaticString, _ names: [String]) {
        self.name(name)
        beginArray()
        for each in names { string(each) }
        endArray()
    }
}
