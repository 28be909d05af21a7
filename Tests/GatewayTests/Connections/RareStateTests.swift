import Core
import Testing

@testable import Gateway

@Suite("The rare state of a connection")
struct RareStateTests {
    private let policy = RatePolicy(perSecond: 10)
    private let client = Client(address: IPAddress(v4: 0x0102_0304), isKnown: true)

    /// The case of what is held: `nothing`, `client` or `more`.
    private func content(of rare: RareState) -> String {
        let content = Mirror(reflecting: rare).children.first { $0.label == "content" }?.value
        return content.map { Mirror(reflecting: $0).children.first?.label ?? "\($0)" } ?? "?"
    }

    private func ping(_ rare: inout RareState, at now: Int) {
        _ = [UInt8(1)].withUnsafeBytes { rare.upkeep.answersNow($0, at: now, policy: policy) }
    }

    @Test("A client alone takes little memory, and stays beside the rest and after it")
    func clientAloneIsSmallAndStaysBesideTheRest() {
        var rare = RareState()
        #expect(content(of: rare) == "nothing")
        rare.client = client
        #expect(content(of: rare) == "client")
        rare.wait = KeptInput(for: .answer, at: 0)
        #expect(content(of: rare) == "more")
        #expect(rare.isWaiting)
        #expect(rare.client == client)
        rare.wait = nil
        #expect(!rare.isWaiting)
        #expect(content(of: rare) == "client")
        #expect(rare.client == client)
        rare.client = nil
        #expect(content(of: rare) == "nothing")
    }

    @Test("A client that comes or goes later leaves the rest as it is")
    func clientThatComesOrGoesLaterLeavesTheRest() {
        var rare = RareState()
        rare.wait = KeptInput(for: .answer, at: 0)
        rare.client = client
        #expect(rare.isWaiting && rare.client == client)
        rare.client = nil
        #expect(rare.isWaiting && rare.client == nil)
        rare.wait = nil
        #expect(content(of: rare) == "nothing")
    }

    @Test("A bucket that is full again is let go, and not a millisecond sooner")
    func fullBucketIsLetGo() {
        var rare = RareState()
        rare.client = client
        ping(&rare, at: 1000)
        rare.settle(at: 1000)
        #expect(content(of: rare) == "more")
        // One token is a tenth of a second.
        rare.settle(at: 1099)
        #expect(content(of: rare) == "more")
        rare.settle(at: 1100)
        #expect(content(of: rare) == "client")
    }

    @Test("Refusals are let go when their window is over, and not a millisecond sooner")
    func refusalsAreLetGo() {
        var rare = RareState()
        rare.client = client
        let window = Int(FloodCounter.windowMilliseconds)
        for _ in 0..<policy.refusalsMax {
            let isFlood = rare.countRefusal(at: 1000, policy: policy)
            #expect(!isFlood)
        }
        rare.settle(at: 1000 + window - 1)
        #expect(content(of: rare) == "more")
        let isFlood = rare.countRefusal(at: 1000 + window - 1, policy: policy)
        #expect(isFlood)
        rare.settle(at: 1000 + window)
        #expect(content(of: rare) == "more", "the last refusal counts")
        rare.settle(at: 1000 + window - 1 + window)
        #expect(content(of: rare) == "client")
        let isFloodLater = rare.countRefusal(at: 1000 + 3 * window, policy: policy)
        #expect(!isFloodLater)
    }

    @Test("A ping that waits is kept until it is taken")
    func latePingIsKeptUntilItIsTaken() {
        var rare = RareState()
        for _ in 0...policy.burst { ping(&rare, at: 1000) }
        #expect(rare.hasLatePing)
        rare.settle(at: 100_000)
        #expect(rare.hasLatePing)
        #expect(rare.takeLatePing() == [1])
        #expect(!rare.hasLatePing && rare.takeLatePing() == nil)
        rare.settle(at: 100_000)
        #expect(content(of: rare) == "nothing")
    }
}
