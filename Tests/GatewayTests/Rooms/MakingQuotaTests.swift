import Core
import NetworkIO
import Rooms
import Testing
import WireProtocol

@testable import Gateway

@Suite("One address that makes rooms and inboxes without end is slowed, and nobody else")
struct MakingQuotaTests {
    private let mallory = Client(address: IPAddress(v4: 0xC000_0201), isKnown: true)
    private let ann = Client(address: IPAddress(v4: 0xC000_0202), isKnown: true)

    private func id(_ text: String) -> Identifier { Identifier(unchecked: text) }

    /// Whether a connection's join was refused as too fast.
    private func isRefused(_ worker: TestWorker, _ key: UInt64) -> Bool {
        worker.sent.contains {
            guard $0.key == key, case .member(_, .joinRefused(_, let refusal)) = $0.message else { return false }
            return if case .tooFast(let retry) = refusal { retry > 0 } else { false }
        }
    }

    @Test("Rooms by joining: past the quota those that are there still take who comes")
    func joins() throws {
        let worker = try TestWorker(["HTTP_REQUESTS_PER_SECOND": "1"])
        for number in 0..<20 {
            worker.rooms.received(
                .join(worker.info("m", UInt64(number)), from: nil, maker: mallory), of: id("room-\(number)"))
            #expect(!isRefused(worker, UInt64(number)))
        }
        worker.rooms.received(.join(worker.info("m", 100), from: nil, maker: mallory), of: id("more"))
        #expect(isRefused(worker, 100) && worker.rooms.find(id("more")) == nil)
        worker.rooms.received(.join(worker.info("m", 101), from: nil, maker: mallory), of: id("room-3"))
        #expect(!isRefused(worker, 101))
        worker.rooms.received(.join(worker.info("a", 102), from: nil, maker: ann), of: id("more"))
        #expect(!isRefused(worker, 102) && worker.rooms.find(id("more")) != nil)
        // Nobody's quota, such as an operator's.
        worker.rooms.received(.join(worker.info("o", 103), from: nil), of: id("another"))
        #expect(!isRefused(worker, 103))
    }

    @Test("Inboxes by directs: past the quota those that are there still take more")
    func directs() throws {
        let worker = try TestWorker(["HTTP_REQUESTS_PER_SECOND": "1"])
        let info = worker.info("m", 1)
        func send(to user: String, by maker: Client) -> String {
            let fields = TestWorker.withFields("x", id: "m") { OwnedMessageFields($0) }
            var direct = Direct(from: info.user, to: id(user), sender: info, deviceType: nil, fields: fields)
            direct.maker = maker
            worker.users.received(.direct(direct, from: info), of: id(user))
            worker.endTurn()
            return worker.takeTexts(1).joined()
        }
        for number in 0..<20 { #expect(send(to: "user-\(number)", by: mallory).contains(#""type":"ack""#)) }
        let refused = send(to: "more", by: mallory)
        #expect(refused.contains(#""code":"rate_limited""#) && refused.contains("retry_ms"))
        #expect(worker.users.find(id("more")) == nil)
        #expect(send(to: "user-3", by: mallory).contains(#""type":"ack""#))
        #expect(send(to: "more", by: ann).contains(#""type":"ack""#))
    }
}
