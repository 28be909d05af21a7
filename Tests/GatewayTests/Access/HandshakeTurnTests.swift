import Core
import Overload
import Testing

@testable import Gateway

@Suite("Handshakes of TLS count for their address as requests do")
struct HandshakeTurnTests {
    private let stranger = IPAddress(v4: 0xC000_0201)
    private let other = IPAddress(v4: 0xC000_0202)

    /// A controller that is late because of one address' handshakes, until that is limited.
    private func limiting(_ start: InnerController) -> InnerController {
        var controller = start
        while controller.turns.heaviestAdmitted > 0.5 {
            controller.turns.worked(40_000_000, by: .requests(stranger), (nil, stranger))
            controller.turns.worked(1_000_000, by: .requests(other), (nil, other))
            controller.turns.passed(milliseconds: 50)
            controller.windowEnded(delayMicroseconds: 200_000, busy: 1, elapsed: 50)
        }
        return controller
    }

    @Test("Their time counts while it matters who makes the work, and only then")
    func counted() throws {
        let worker = try TestWorker()
        worker.core.shookHands(nanoseconds: 1_000_000, of: stranger)
        #expect(worker.core.load.controller.turns.ledger.count == 0)
        worker.overload(by: 1, user: "ann", besides: 2)
        let known = worker.core.load.controller.turns.ledger.count
        worker.core.shookHands(nanoseconds: 1_000_000, of: stranger)
        worker.core.shookHands(nanoseconds: 1_000_000, of: stranger)
        #expect(worker.core.load.controller.turns.ledger.count == known + 1)
    }

    @Test("Those of the heaviest address are refused by its share, and others' are not")
    func refused() throws {
        let core = try TestWorker().core
        #expect(!core.refusesHandshake(of: stranger))
        core.load.controller = limiting(core.load.controller)
        let refused = (0..<50).count { _ in core.refusesHandshake(of: stranger) }
        #expect(refused >= 20 && refused < 50)
        #expect(core.counters.count(.heaviestAddress) == refused)
        #expect((0..<50).allSatisfy { _ in !core.refusesHandshake(of: other) })
    }

    @Test("The first request behind a handshake is not asked for its address' turn again")
    func oneTurn() throws {
        let services = try FakeServices()
        services.load.controller = limiting(services.load.controller)
        func refusals(hadTurn: Bool) throws -> Int {
            try (0..<50).count { _ in
                var call = try FakeCall.make("GET", "/api/rooms/r", from: "192.0.2.1")
                call.hadTurn = hadTurn
                guard case .now(let answer) = services.route(call) else { return false }
                return answer.status == 429
            }
        }
        #expect(try refusals(hadTurn: true) == 0)
        #expect(try refusals(hadTurn: false) >= 20)
    }
}
