import Core
import Testing

@testable import ClusterState

@Suite("What is said of who comes and goes")
struct PresenceClaimTests {
    private let room = PresencePlace.room(Identifier(unchecked: "lobby"))

    private func claim(_ isArrival: Bool, _ known: PresenceVerdict, isRepublished: Bool = false) -> PresenceClaim {
        PresenceClaim(isArrival: isArrival, at: 1, known: known, isRepublished: isRepublished)
    }

    @Test("the store decides, whatever is known here")
    func storeDecides() {
        for isArrival in [true, false] {
            let claim = claim(isArrival, [.alone, .empty])
            #expect(claim.answered([.changed]) == ([], []))
            #expect(claim.answered([.alone, .empty]) == ([], []))
            #expect(claim.answered([.changed, .alone]) == ([.alone], []))
            #expect(claim.answered([.changed, .alone, .empty]) == ([.alone, .empty], []))
        }
    }

    @Test("without the store what is known here is said once; later the store adds what is missing")
    func unanswered() {
        var arrival = claim(true, [])
        #expect(arrival.isOpen && arrival.unanswered() == [] && arrival.isOpen)
        #expect(arrival.answered([.changed, .alone]) == ([.alone], []))
        // The change may have been made already, when its answer was lost.
        #expect(arrival.answered([.alone]) == ([.alone], []))
        var first = claim(true, [.alone, .empty])
        #expect(first.unanswered() == [.alone, .empty] && first.unanswered() == [] && !first.isOpen)
        #expect(first.answered([.changed, .alone, .empty]) == ([], []))
        #expect(first.answered([.changed]) == ([], []))
    }

    @Test("whether anybody is there the store can't know better than a node that has somebody")
    func ownKnowledge() {
        var arrival = PresenceClaim(isArrival: true, at: 1, known: [.alone], isOthers: [.alone])
        #expect(arrival.unanswered() == [.alone] && !arrival.isOpen)
        #expect(arrival.answered([.changed, .alone, .empty]) == ([], []))
    }

    @Test("that somebody left is taken back when another node has the user")
    func takenBack() {
        var departure = claim(false, [.alone, .empty])
        #expect(departure.unanswered() == [.alone, .empty])
        #expect(departure.answered([.changed, .alone]) == ([], [.empty]))
        #expect(departure.answered([]) == ([], [.alone, .empty]))
        var other = claim(false, [])
        #expect(other.unanswered() == [] && other.answered([.changed, .alone]) == ([.alone], []))
        #expect(other.answered([.alone, .empty]) == ([], []))
        #expect(departure.answered([.changed, .alone, .empty]) == ([], []))
    }

    @Test("who is published again is said again only if somebody had taken this node for dead")
    func republished() {
        var claim = claim(true, [], isRepublished: true)
        #expect(claim.unanswered() == [])
        #expect(claim.answered([.changed, .alone, .empty]) == ([], []))
        #expect(claim.answered([.changed, .alone, .swept]) == ([.alone], []))
        #expect(claim.answered([.alone, .swept]) == ([], []))
    }

    @Test("events stand in the order in which they are true")
    func events() {
        #expect(room.events([.alone, .empty], isArrival: true) == [.roomOccupied, .joined])
        #expect(room.events([.alone, .empty], isArrival: false) == [.left, .roomVacated])
        #expect(room.events([.alone], isArrival: true) == [.joined] && room.events([], isArrival: true) == [])
        #expect(PresencePlace.user.events([.alone, .empty], isArrival: true) == [.online])
        #expect(PresencePlace.user.events([.alone, .empty], isArrival: false) == [.offline])
        #expect(PresencePlace.user.events([.alone], isArrival: false) == [])
    }

    @Test("a key of members says whose they are", arguments: ["lobby", "a}b", "50%", "%7D", "ü", "a:members"])
    func places(name: String) {
        let id = Identifier(unchecked: name)
        #expect(LogKeys.place(ofMembers: LogKeys(room: id).members) == .room(id))
        #expect(LogKeys.place(ofMembers: LogKeys(user: id).members) == .user)
        #expect(LogKeys.place(ofMembers: LogKeys(room: id).place) == nil)
    }
}
