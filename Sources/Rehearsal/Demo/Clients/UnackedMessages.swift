/// A message that a member wants committed.
struct Said {
    let id: String
    /// The user to whom it goes directly; nil: to the room.
    let receiver: String?
}

/// The messages that one member has sent and that no node has acked, in order; and their ids.
struct UnackedMessages {
    /// Begins every id.
    private let sender: String
    private var nextNumber = 1
    private(set) var list: [Said] = []

    init(sender: String) { self.sender = sender }

    /// A new message.
    /// - Parameter receiver: the user to whom it goes directly; nil: to the room.
    mutating func add(to receiver: String?) -> Said {
        let said = Said(id: DemoMessageID.text(sender: sender, number: nextNumber), receiver: receiver)
        nextNumber += 1
        list.append(said)
        return said
    }

    /// A node has acked a message; nil when none with this id waits for an ack.
    mutating func acked(_ id: String) -> Said? {
        list.firstIndex { $0.id == id }.map { list.remove(at: $0) }
    }
}
