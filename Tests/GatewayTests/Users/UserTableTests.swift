import Foundations
import Rooms
import Testing

@testable import Gateway

@Suite("The users of a worker")
struct UserTableTests {
    private let anna = Identifier(unchecked: "anna")

    @Test("a first connection is a user with a session of its own once somebody asks")
    func fresh() throws {
        var table = UserTable()
        let phone = ConnectionInfo(
            user: anna, device: Identifier(unchecked: "phone"), deviceType: nil, worker: 0, socketKey: 1,
            connectedAt: 1000, userNumber: 9)
        table.insert(first: phone)
        #expect(table.contains(anna) && table.count == 1)
        let found = table.find(anna)
        let user = try #require(found)
        #expect(user.attendance.isLiving(phone) && user.connectionCount == 1)
        let again = table.find(anna)
        #expect(again === user && table.count == 1)
        let announced = User.firstSession(number: phone.userNumber)
        let session = user.openSession(notBefore: .max)
        #expect(session.isResumed && session.id == announced.id && !announced.isResumed)
        let inbox = user.openInbox(of: anna, epoch: "w", size: 10)
        #expect(inbox.log.epoch == User.inboxEpoch("w", number: phone.userNumber))
    }

    @Test("a user that was made is found and forgotten")
    func full() {
        var table = UserTable()
        let user = User(anna, number: 7)
        table.insert(user)
        let found = table.find(anna)
        #expect(found === user)
        table.remove(anna)
        let gone = table.find(anna)
        #expect(!table.contains(anna) && gone == nil && table.count == 0)
        table.remove(anna)
    }
}
