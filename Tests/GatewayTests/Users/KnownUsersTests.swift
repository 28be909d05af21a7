import Core
import Rooms
import Testing

@testable import Gateway

@Suite("The known users of a worker")
struct KnownUsersTests {
    private let anna = Identifier(unchecked: "anna")

    @Test("A first connection is a user with a session of its own once somebody asks")
    func fresh() throws {
        let worker = try TestWorker()
        var known = KnownUsers()
        let phone = worker.info("anna", 1, device: "phone")
        known.insert(first: phone)
        #expect(known.contains(anna) && known.count == 1 && known.owners.isEmpty)
        let found = known.find(anna) { UserOwner($0, in: worker.users) }
        let owner = try #require(found)
        #expect(owner.user.attendance.isLiving(phone) && owner.user.connectionCount == 1)
        let again = known.find(anna) { UserOwner($0, in: worker.users) }
        #expect(again === owner && known.count == 1 && known.owners.count == 1)
        let announced = User.firstSession(number: phone.userNumber)
        let session = owner.user.openSession(notBefore: .max)
        #expect(session.isResumed && session.id == announced.id && !announced.isResumed)
        let inbox = owner.user.openInbox(of: anna, epoch: "w", size: 10, in: StoredMessages())
        #expect(inbox.log.epoch == User.inboxEpoch("w", number: phone.userNumber))
    }

    @Test("A user that was made is found and forgotten")
    func full() throws {
        let worker = try TestWorker()
        var known = KnownUsers()
        let owner = UserOwner(User(anna, number: 7), in: worker.users)
        known.insert(owner)
        let found = known.find(anna) { UserOwner($0, in: worker.users) }
        #expect(found === owner)
        known.remove(anna)
        let gone = known.find(anna) { UserOwner($0, in: worker.users) }
        #expect(!known.contains(anna) && gone == nil && known.count == 0)
        known.remove(anna)
    }
}
