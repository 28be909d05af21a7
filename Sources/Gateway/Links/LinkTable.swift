import ClusterState
import Core
import NetworkIO
import Rooms

/// The links of this node whose rooms are at home on one worker; those without a room are where their id would be.
///
/// Thread: the worker's.
final class LinkTable {
    let core: WorkerCore
    private let rooms: RoomTable
    private var links: [Identifier: Link] = [:]
    /// Links that were given up, until their connections have ended.
    private var ending: [Link] = []
    private lazy var authorities = TLSClientContext()

    init(_ core: WorkerCore, _ rooms: RoomTable) {
        self.core = core
        self.rooms = rooms
    }

    func received(_ order: LinkOrder) {
        switch order {
        case .hold(let held):
            // Its definition has changed.
            if let former = links.removeValue(forKey: held.definition.id) { giveUp(former, atOnce: false) }
            let link = Link(held, in: self)
            links[link.id] = link
            link.ticked()
        case .drop(let id, let token, let atOnce):
            guard let link = links[id], link.held.token == token else {
                // An earlier order ended it, and it is on its way.
                if !ending.contains(where: { $0.id == id }) {
                    core.context.mail.links.post([.closed(id, token: token, nil)])
                }
                return
            }
            links[id] = nil
            giveUp(link, atOnce: atOnce)
        }
    }

    private func giveUp(_ link: Link, atOnce: Bool) {
        ending.append(link)
        if let room = link.definition.room { outlet(of: room)?.remove(link, rooms) }
        link.drop(atOnce: atOnce)
    }

    /// The connection of a link that was given up has ended.
    func closed(_ link: Link) {
        ending.removeAll { $0 === link }
        core.context.mail.links.post([.closed(link.id, token: link.held.token, link.record)])
    }

    /// At each tick of the loop.
    func ticked() {
        for link in links.values { link.ticked() }
        for link in ending { link.ticked() }
    }

    /// Makes the room of a link if need be, and bridges them; while the node has no place for the room, not.
    func openRoom(of link: Link) {
        guard let id = link.definition.room, let owner = rooms.open(id) else { return }
        let outlet = owner.outlet as? RoomLinks ?? RoomLinks()
        owner.outlet = outlet
        outlet.add(link, to: owner)
    }

    private func outlet(of room: Identifier) -> RoomLinks? { rooms.find(room)?.outlet as? RoomLinks }

    /// Whom TLS is spoken with.
    func peer(_ host: String) -> TLSPeer { TLSPeer(authorities, host: host) }
}

/// The links of one room.
private final class RoomLinks: RoomOutlet {
    private var links: [Link] = []

    func add(_ link: Link, to owner: RoomOwner) {
        links.append(link)
        link.owner = owner
    }

    func remove(_ link: Link, _ rooms: RoomTable) {
        links.removeAll { $0 === link }
        let owner = link.owner
        link.owner = nil
        guard links.isEmpty, let owner else { return }
        owner.outlet = nil
        rooms.listIfIdle(owner)
    }

    func roomAdvanced() { for link in links { link.output.pump() } }

    func roomEnded() {
        for link in links {
            link.owner = nil
            link.output.forgetPosition()
        }
        links = []
    }

    func accepted(from link: LinkAuthor) { links.first { $0.author === link }?.input.accepted() }
    func refused(from link: LinkAuthor) { links.first { $0.author === link }?.input.refused() }
}
