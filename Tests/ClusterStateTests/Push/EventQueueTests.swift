import TestSupport
import Testing

@testable import ClusterState

@Suite("Events on their way to the operator's server")
struct EventQueueTests {
    private func batch(_ range: Range<Int>, bytes: Int = 0) -> EventBatch {
        var batch = EventBatch()
        for number in range {
            let text = #"{"n":\#(number),"x":"\#(String(repeating: "x", count: bytes))"}"#
            Array(text.utf8).withUnsafeBytes { batch.append($0) }
        }
        return batch
    }

    /// The numbers of a body's events.
    private func numbers(_ body: [UInt8]?) -> [Int]? {
        guard let body else { return nil }
        let text = String(decoding: body, as: UTF8.self)
        guard text.hasPrefix(#"{"events":[{"#), text.hasSuffix("}]}") else { return nil }
        return text.dropFirst(11).dropLast(2).split(separator: #"{"n":"#).compactMap {
            Int($0.prefix { $0.isNumber })
        }
    }

    @Test("a POST leaves at once after a pause, then at most each second unless it is full")
    func pace() {
        var queue = EventQueue()
        queue.add(batch(0..<1), at: 5_000)
        #expect(numbers(queue.next(at: 5_000)?.body) == [0])
        queue.add(batch(1..<2), at: 5_100)
        #expect(queue.next(at: 9_000) == nil)
        #expect(queue.ended(.status(204, retryAfter: nil), at: 5_200, random: 0) == .sent(.init(events: 1, bytes: 14)))
        queue.add(batch(2..<3), at: 5_300)
        #expect(queue.next(at: 5_999) == nil)
        #expect(numbers(queue.next(at: 6_000)?.body) == [1, 2])
        _ = queue.ended(.status(200, retryAfter: nil), at: 6_001, random: 0)
        #expect(queue.isEmpty && queue.next(at: 9_000) == nil)
        queue.add(batch(3..<503), at: 6_002)
        #expect(numbers(queue.next(at: 6_002)?.body)?.count == 500)
        _ = queue.ended(.status(200, retryAfter: nil), at: 6_003, random: 0)
        queue.add(batch(503..<504), at: 6_003)
        #expect(queue.next(at: 6_004) == nil)
        queue.end()
        #expect(numbers(queue.next(at: 6_004)?.body) == [503])
    }

    @Test("no POST has more than 500 events or, but for a large one, more than 1 MiB; none is lost", arguments: 1...4)
    func sizes(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var queue = EventQueue()
        var (added, taken, bytes, now) = (0, [Int](), 0, 0)
        while added < 6_000 {
            now += 1_000
            let count = Int.random(in: 1...1_200, using: &random)
            let size = [0, 20, 5_000, 2_000_000][Int.random(in: 0..<4, using: &random)]
            let more = batch(added..<added + (size > 100_000 ? 2 : count), bytes: size)
            added += more.count
            bytes += more.bytes.count - more.count + 1
            queue.add(more, at: now)
            while let next = queue.next(at: now) {
                let found = numbers(next.body) ?? []
                #expect(found.count <= 500 && (next.body.count <= EventQueue.postBytesMax + 2 || found.count == 1))
                taken += found
                guard case .sent(let size) = queue.ended(.status(200, retryAfter: nil), at: now, random: 0) else {
                    Issue.record("seed \(seed)")
                    return
                }
                #expect(size.events == found.count)
                bytes -= size.bytes
            }
        }
        queue.end()
        while let next = queue.next(at: now) {
            taken += numbers(next.body) ?? []
            if case .sent(let size)? = queue.ended(.status(200, retryAfter: nil), at: now, random: 0) {
                bytes -= size.bytes
            }
        }
        #expect(taken == Array(0..<added) && bytes == 0 && queue.isEmpty, "seed \(seed)")
    }

    @Test("what fails is tried again as it is, before anything that came after it")
    func retries() {
        var queue = EventQueue()
        queue.add(batch(0..<501), at: 0)
        let first = queue.next(at: 0)
        #expect(first?.isAgain == false)
        #expect(queue.ended(.status(503, retryAfter: 4_000), at: 10, random: 0) == .again(after: 4_000))
        #expect(queue.next(at: 4_009) == nil && !queue.isEmpty)
        let again = queue.next(at: 4_010)
        #expect(again?.isAgain == true && again?.body == first?.body)
        #expect(queue.ended(.none, at: 4_020, random: 0) == .again(after: 0))
        #expect(queue.next(at: 4_020)?.body == first?.body)
        guard case .refused(let size, status: 404) = queue.ended(.status(404, retryAfter: nil), at: 4_021, random: 0)
        else {
            Issue.record("it is not refused")
            return
        }
        #expect(size.events == 500)
        #expect(numbers(queue.next(at: 6_000)?.body) == [500])
    }

    @Test("after ten tries, or a quarter of an hour, events are given up")
    func givingUp() {
        var queue = EventQueue()
        queue.add(batch(0..<500), at: 0)
        for tries in 1...10 {
            #expect(queue.next(at: tries * 1_000) != nil)
            let end = queue.ended(.none, at: tries * 1_000, random: 0)
            if tries < 10 { #expect(end == .again(after: 0)) } else { #expect(end != .again(after: 0)) }
        }
        #expect(queue.isEmpty)
        queue.add(batch(0..<1_000), at: 20_000)
        _ = queue.next(at: 20_000)
        _ = queue.ended(.none, at: 20_000, random: 1_000)
        #expect(queue.takeOld(at: 920_000).events == 0 && queue.takeOld(at: 920_001).events == 1_000)
        #expect(queue.isEmpty)
    }
}
