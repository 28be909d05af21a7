import Testing

@testable import ClusterState

@Suite("What the log says of the store")
struct StoreNewsTests {
    private typealias Reason = StoreHealth.Reason

    private let memory = Reason.refused(StoreRefusal(code: "OOM", message: ""))

    @Test("one line for each change, however often an attempt to come back fails")
    func once() {
        var news = StoreNews(at: 0)
        #expect(news.looked(.connecting, nil, at: 10) == nil)
        #expect(news.looked(.online, nil, at: 20) == .reached)
        #expect(news.looked(.online, nil, at: 30) == nil)
        #expect(news.looked(.suspect, nil, at: 40) == nil)
        #expect(news.looked(.degraded, .noAnswer, at: 50) == .lost(.noAnswer))
        for now in 51..<1_000 {
            // Details differ, and each attempt looks as if it was back.
            #expect(news.looked(.degraded, .noAnswer, at: now) == nil)
            #expect(news.looked(.resyncing, nil, at: now) == nil)
        }
        #expect(news.looked(.degraded, .closed("one"), at: 1_000) == .changed(.closed("one")))
        #expect(news.looked(.degraded, .closed("two"), at: 1_001) == nil)
        #expect(news.looked(.online, nil, at: 1_002) == .returned)
    }

    @Test("a start without a store is a loss")
    func start() {
        var news = StoreNews(at: 0)
        #expect(news.looked(.degraded, memory, at: 20) == .lost(memory))
        #expect(news.looked(.online, nil, at: 30) == .returned)
    }

    @Test("a store that comes and goes gets four lines, then one each five seconds, and the last state is logged")
    func flapping() {
        var news = StoreNews(at: 0)
        var lines: [(at: Int, line: StoreNews.Line)] = []
        for now in stride(from: 0, to: 60_000, by: 100) {
            let isAway = now / 100 % 2 == 0
            if let line = news.looked(isAway ? .degraded : .online, isAway ? memory : nil, at: now) {
                lines.append((now, line))
            }
        }
        #expect(lines.count <= StoreNews.linesMax + 60_000 / StoreNews.lineMilliseconds && lines.count >= 12)
        let last = news.looked(.degraded, memory, at: 66_000)
        #expect(last == .lost(memory) || lines.last?.line == .lost(memory))
    }
}
