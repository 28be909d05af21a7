import Core
import Testing

@testable import Gateway

@Suite("The client addresses of a node")
struct AddressBookTests {
    private func book(sockets: Int? = 2, countsOwn: Bool = false) -> AddressBook {
        AddressBook(
            AddressLimits(
                socketsMax: sockets, requests: RatePolicy(perSecond: 1), countsOwnSockets: countsOwn,
                countsOwnRequests: countsOwn))
    }

    private func client(_ address: String, isKnown: Bool = true) throws -> Client {
        Client(address: try #require(IPAddress(address)), isKnown: isKnown)
    }

    @Test("An address has so many sockets; some more hear that they are too many, and further ones nothing")
    func sockets() throws {
        let (book, ann) = (book(), try client("192.0.2.1"))
        let admissions = (0..<20).map { _ in book.enter(ann) }
        let expected: [AddressBook.Admission] = Array(repeating: .within, count: 2) + Array(repeating: .over, count: 16)
        #expect(admissions == expected + [.closed, .closed])
        #expect(book.enter(try client("192.0.2.2")) == .within)
        for _ in 0..<17 { book.leave(ann) }
        #expect(book.enter(ann) == .within && book.enter(ann) == .over)
    }

    @Test("This machine counts where that was asked for; a client that is unknown always does")
    func own() throws {
        let own = try client("127.0.0.1")
        let free = book()
        for _ in 0..<100 { #expect(free.enter(own) == .within && free.refusesRequest(of: own, at: 0) == nil) }
        #expect(free.count == 0)
        let unknown = try client("127.0.0.1", isKnown: false)
        #expect([free.enter(unknown), free.enter(unknown), free.enter(unknown)] == [.within, .within, .over])
        let counting = book(countsOwn: true)
        #expect([counting.enter(own), counting.enter(own), counting.enter(own)] == [.within, .within, .over])
    }

    @Test("Rooms and inboxes have a quota of ten for each request, and a burst of twice that; requests take none of it")
    func making() throws {
        let (book, ann, bob) = (book(), try client("192.0.2.1"), try client("192.0.2.2"))
        for _ in 0..<10 { _ = book.refusesRequest(of: ann, at: 1000) }
        #expect((0..<20).allSatisfy { _ in book.refusesMaking(by: ann, at: 1000) == nil })
        #expect(book.refusesMaking(by: ann, at: 1000) == 100 && book.refusesMaking(by: bob, at: 1000) == nil)
        #expect(book.refusesMaking(by: ann, at: 1100) == nil && book.refusesMaking(by: ann, at: 1100) != nil)
        #expect((0..<100).allSatisfy { _ in book.refusesMaking(by: .own, at: 1000) == nil })
    }

    @Test("Eight streams of an address, and each gives its place back")
    func streams() throws {
        let (book, ann) = (book(), try client("2001:db8::1"))
        #expect((0..<9).map { _ in book.takeStream(of: ann) } == Array(repeating: true, count: 8) + [false])
        book.giveBackStream(of: ann)
        #expect(book.takeStream(of: ann) && !book.takeStream(of: ann))
    }

    @Test("Addresses that are gone are forgotten: a million of them leave few records")
    func forgetting() {
        let book = AddressBook(
            AddressLimits(
                socketsMax: 2, requests: RatePolicy(perSecond: 1_000_000_000), countsOwnSockets: false,
                countsOwnRequests: false))
        for number in 0..<200_000 as Range<UInt32> {
            let client = Client(address: IPAddress(v4: 0x0A00_0000 + number), isKnown: true)
            _ = book.enter(client)
            book.leave(client)
        }
        #expect(book.count <= 16 * 1024)
    }
}

@Suite("The sockets of a node")
struct ConnectionCapTests {
    @Test("So many are within; a reserve hears more, and further ones nothing")
    func reserve() {
        let cap = ConnectionCap(most: 3, openFilesMax: 100)
        let admissions = (0..<40).map { _ in cap.enter() }
        #expect(admissions.filter { $0 == .within }.count == 3)
        #expect(admissions.filter { $0 == .over }.count == ConnectionCap.reserve)
        #expect(cap.sockets == 3 + ConnectionCap.reserve && cap.count == 0)
        cap.leave()
        #expect(cap.enter() == .over)
    }
}
