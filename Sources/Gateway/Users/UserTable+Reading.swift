import ClusterState
import Core
import Rooms
import WireProtocol

// The HTTP API's questions to a user's home.
extension UserTable {
    func answer(_ question: UserQuestion, of id: Identifier, _ responder: Responder) {
        let core = core
        switch question {
        case .show(let cursor, let limit):
            describe(id, after: cursor, limit: limit) { responder.answer($0.response, by: core) }
        case .removeConnections:
            removeConnections(of: id) { count in
                var writer = JSONWriter()
                writer.beginObject()
                writer.member("closed", count)
                writer.endObject()
                responder.answer(.json(200, writer.array), by: core)
            }
        case .order(let order):
            self.order(order, of: id) { count in
                guard let count else { return responder.answer(.storeAway, by: core) }
                var writer = JSONWriter()
                writer.beginObject()
                writer.member("connections", count)
                writer.endObject()
                responder.answer(.json(200, writer.array), by: core)
            }
        case .publish(let direct):
            guard !core.stored.isInboxFull else {
                core.counters.refused(.storeFull)
                return responder.answer(.storeFull, by: core)
            }
            if let retry = refusesInbox(of: id, direct.maker) {
                return responder.answer(.rateLimited(AddressLimits.makingText, retryMilliseconds: retry), by: core)
            }
            open(id).publish(direct, author: .request(publications.open(for: responder)))
        }
    }

    /// Closes a user's connections on all nodes; `completion` gets how many these are, once, perhaps before this
    /// returns.
    func removeConnections(of id: Identifier, _ completion: @escaping (Int) -> Void) {
        findOrFollow(id) { owner in
            guard let owner else { return completion(0) }
            owner.sequencer.whenReady { completion(owner.removeConnections()) }
        }
    }

    /// Has a user's connections on all nodes carry out an operator's order; `completion` gets once how many did, nil
    /// when the other nodes can't be reached.
    private func order(_ order: RoomOrder, of id: Identifier, _ completion: @escaping (Int?) -> Void) {
        guard replication?.isStoreAway != true else { return completion(nil) }
        findOrFollow(id) { [surveys] owner in
            guard let owner else { return completion(0) }
            owner.sequencer.whenReady {
                surveys.order(order, owner.user.attendance.living) { here in
                    owner.sequencer.orderElsewhere(order) { there in completion(here + there) }
                }
            }
        }
    }

    /// Describes a user: a page of the devices on all nodes with their rooms, and messages that no device has acked.
    private func describe(
        _ id: Identifier, after cursor: Identifier?, limit: Int, _ completion: @escaping (UserDescription) -> Void
    ) {
        findOrFollow(id) { [surveys, core] owner in
            let node = core.context.nodeID
            guard let owner else { return completion(UserDescription(user: id, node: node)) }
            owner.sequencer.whenCursorsRead {
                let page = DevicePage(
                    here: owner.user.attendance.entries.map(\.info), elsewhere: owner.sequencer.entries(of: id),
                    after: cursor, limit: limit)
                surveys.findRooms(of: page.here) { here in
                    owner.sequencer.askRooms { there in
                        completion(
                            UserDescription(
                                user: id, node: node, page: page, rooms: here, roomsElsewhere: there,
                                pending: owner.inboxPending))
                    }
                }
            }
        }
    }

    /// Finds the user, if known here; in a cluster one of whom the store knows something is followed from now on, for a
    /// while. Of one who is known nowhere nothing is made, neither here nor in the store.
    private func findOrFollow(_ id: Identifier, _ found: @escaping (UserOwner?) -> Void) {
        if let owner = find(id) { return found(owner) }
        guard let replication, !replication.isStoreAway else { return found(nil) }
        let keys = LogKeys(user: id)
        replication.store.perform(.exists(keys: [keys.place, keys.entries, keys.members])) { [weak self] result in
            guard let self else { return }
            if case .success(.integer(1...)) = result { found(open(id)) } else { found(find(id)) }
        }
    }
}
