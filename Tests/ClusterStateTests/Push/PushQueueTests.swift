import ClusterState
import Core
import TestSupport
import Testing

/// A queue whose calls may stand in an expectation.
private final class Queue {
    private var queue = PushQueue()

    var count: Int { queue.count }
    var underWayCount: Int { queue.underWayCount }
    func add(_ job: PushJob, at now: Int) -> Bool { queue.add(job, at: now) }
    func next() -> PushQueue.Try? { queue.next() }
    func ticked(at now: Int) -> Int { queue.ticked(at: now) }
    func ended(_ number: Int, _ answer: WebhookAnswer, at now: Int, random: UInt64) -> PushQueue.End? {
        queue.ended(number, answer, at: now, random: random)
    }
}

@Suite("Pushes that wait")
struct PushQueueTests {
    private func job(_ number: Int, bytes: Int = 1) -> PushJob {
        PushJob(
            user: Identifier(unchecked: "ann"), delivery: "p-\(number)", body: [UInt8](repeating: 0x20, count: bytes))
    }

    @Test("four are under way at most, in the order of coming")
    func underWay() {
        let queue = Queue()
        for number in 1...6 { #expect(queue.add(job(number), at: 0)) }
        let tries = (1...4).compactMap { _ in queue.next() }
        #expect(tries.map(\.job.post.delivery) == ["p-1", "p-2", "p-3", "p-4"])
        #expect(queue.next() == nil && queue.underWayCount == 4 && queue.count == 6)
        #expect(queue.ended(tries[1].number, .status(204, retryAfter: nil), at: 1, random: 0) == .sent)
        #expect(queue.ended(tries[1].number, .none, at: 1, random: 0) == nil)
        #expect(queue.next()?.job.post.delivery == "p-5" && queue.next() == nil && queue.count == 5)
    }

    @Test(
        "what a status means",
        arguments: [
            (199, false), (301, false), (400, false), (401, false), (404, false), (409, false), (410, false),
            (413, false), (408, true), (425, true), (429, true), (500, true), (503, true), (599, true), (600, false),
        ])
    func statuses(status: Int, isTriedAgain: Bool) throws {
        let queue = Queue()
        #expect(queue.add(job(1), at: 0))
        let number = try #require(queue.next()).number
        let end = queue.ended(number, .status(status, retryAfter: nil), at: 0, random: 7)
        #expect(end == (isTriedAgain ? .again(after: 7) : .refused(status: status)))
        #expect(queue.count == (isTriedAgain ? 1 : 0))
    }

    @Test("waits grow to a minute; the tenth try is the last")
    func tries() throws {
        let queue = Queue()
        #expect(queue.add(job(1), at: 0))
        var now = 0
        for ceiling in [1, 2, 4, 8, 16, 32, 60, 60, 60].map({ $0 * 1000 }) {
            let number = try #require(queue.next()?.number)
            #expect(queue.ended(number, .none, at: now, random: UInt64(ceiling)) == .again(after: ceiling))
            #expect(queue.ticked(at: now + ceiling - 1) == 0 && queue.next() == nil)
            now += ceiling
            #expect(queue.ticked(at: now) == 0)
        }
        let last = try #require(queue.next())
        #expect(last.job.post.delivery == "p-1")
        #expect(queue.ended(last.number, .none, at: now, random: 0) == .givenUp && queue.count == 0)
    }

    @Test("a server's wish to wait is kept, unless the push would be too old then")
    func retryAfter() throws {
        for (wish, isKept) in [(900_000, true), (900_001, false)] {
            let queue = Queue()
            #expect(queue.add(job(1), at: 5))
            let number = try #require(queue.next()).number
            let end = queue.ended(number, .status(503, retryAfter: wish), at: 5, random: 3)
            #expect(end == (isKept ? .again(after: wish) : .givenUp))
        }
        let queue = Queue()
        #expect(queue.add(job(1), at: 0))
        let number = try #require(queue.next()).number
        #expect(queue.ended(number, .status(429, retryAfter: 2), at: 0, random: 900) == .again(after: 900))
    }

    @Test("what waited for too long is given up without a try")
    func age() {
        let queue = Queue()
        for number in 1...3 { #expect(queue.add(job(number), at: number)) }
        #expect(queue.ticked(at: 900_001) == 0 && queue.ticked(at: 900_002) == 1 && queue.count == 2)
        #expect(queue.next()?.job.post.delivery == "p-2")
    }

    @Test("jobs and bytes are bounded; what is there stays")
    func bounds() {
        let queue = Queue()
        for number in 0..<PushQueue.jobsMax { #expect(queue.add(job(number), at: 0)) }
        #expect(!queue.add(job(-1), at: 0) && queue.next()?.job.post.delivery == "p-0")
        // One under way still counts.
        #expect(!queue.add(job(-1), at: 0))
        #expect(queue.ended(1, .status(200, retryAfter: nil), at: 0, random: 0) == .sent && queue.add(job(-1), at: 0))

        let large = Queue()
        #expect(large.add(job(1, bytes: PushQueue.bytesMax - 1), at: 0))
        #expect(!large.add(job(2, bytes: 2), at: 0) && large.add(job(3, bytes: 1), at: 0))
        #expect(large.ticked(at: 900_001) == 2 && large.add(job(4, bytes: PushQueue.bytesMax), at: 900_001))
    }

    @Test("every job ends once, whatever the server does", arguments: 1...10 as ClosedRange<UInt64>)
    func random(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let queue = Queue()
        var (now, added, ended, running) = (0, 0, 0, [Int]())
        for _ in 0..<3_000 {
            now += Int.random(in: 0..<2_000, using: &random)
            if added < 500, queue.add(job(added), at: now) { added += 1 }
            ended += queue.ticked(at: now)
            while let next = queue.next() { running.append(next.number) }
            #expect(running.count <= PushQueue.underWayMax && running.count == queue.underWayCount)
            guard let index = running.indices.randomElement(using: &random) else { continue }
            let answer: WebhookAnswer = [
                .none, .status(200, retryAfter: nil), .status(503, retryAfter: 5_000), .status(404, retryAfter: nil),
            ]
            .randomElement(using: &random)!
            switch queue.ended(running.remove(at: index), answer, at: now, random: random.next()) {
            case .sent, .refused, .givenUp: ended += 1
            case .again(let wait): #expect((0...60_000).contains(wait))
            case nil: Issue.record("a try without a job, seed \(seed)")
            }
        }
        #expect(added == 500 && queue.count == added - ended, "seed \(seed)")
    }
}
