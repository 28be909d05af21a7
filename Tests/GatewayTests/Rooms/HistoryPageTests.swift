import Core
import Rooms
import Testing
import WireProtocol

@testable import Gateway

@Suite("A page of a history")
struct HistoryPageTests {
    /// A log of entries of so many bytes.
    private static func log(_ count: Int, bytes: Int = 100) -> MemoryLog {
        let log = MemoryLog(epoch: "e", capacity: 1000)
        for _ in 0..<count {
            let text = [UInt8](repeating: UInt8(ascii: "x"), count: bytes)
            text.withUnsafeBytes { _ = log.append($0, audience: nil, at: 1) }
        }
        return log
    }

    private static func newest(_ limit: Int = 500) -> HistoryQuery { HistoryQuery(anchor: .newest, limit: limit) }
    private static func after(_ seq: UInt64, _ limit: Int = 500) -> HistoryQuery {
        HistoryQuery(anchor: .after(seq), limit: limit)
    }

    @Test("Messages without a place stand behind those with one, as many as asked for")
    func count() {
        let waiting = [10, 10, 10]
        let all = HistoryPage(Self.newest(), of: Self.log(2), waiting: waiting)
        #expect(all.entries.count == 2 && all.provisional == 0..<3 && all.isComplete)
        let four = HistoryPage(Self.newest(4), of: Self.log(2), waiting: waiting)
        #expect(four.entries.map(\.seq) == [2] && four.provisional == 0..<3 && !four.isComplete)
        let two = HistoryPage(Self.newest(2), of: Self.log(2), waiting: waiting)
        #expect(two.entries.isEmpty && two.provisional == 1..<3 && !two.isComplete)
        let behind = HistoryPage(Self.after(1, 3), of: Self.log(2), waiting: waiting)
        #expect(behind.entries.map(\.seq) == [2] && behind.provisional == 0..<2 && !behind.isComplete)
    }

    @Test("They are bounded by their bytes, and one message more; the newest come first")
    func bytesOfNewest() {
        let waiting = [Int](repeating: 1000, count: 10)
        let page = HistoryPage(Self.newest(), of: Self.log(2), waiting: waiting, byteCountMax: 2999)
        #expect(page.provisional == 7..<10 && page.entries.isEmpty && !page.isComplete)
        let more = HistoryPage(Self.newest(), of: Self.log(2), waiting: waiting, byteCountMax: 3000)
        #expect(more.provisional == 6..<10 && more.entries.isEmpty && !more.isComplete)
    }

    @Test("A page that leaves a message without a place out is incomplete, also with an empty log")
    func incomplete() {
        let page = HistoryPage(Self.newest(), of: Self.log(0), waiting: [1000, 1000, 1000], byteCountMax: 1500)
        #expect(page.provisional == 1..<3 && !page.isComplete)
        let two = HistoryPage(Self.newest(2), of: Self.log(0), waiting: [1, 1, 1])
        #expect(two.provisional == 1..<3 && !two.isComplete)
    }

    @Test("Both kinds share the bytes")
    func sharedBytes() {
        let log = Self.log(10, bytes: 1000)
        let newest = HistoryPage(Self.newest(), of: log, waiting: [1000, 1000], byteCountMax: 4500)
        #expect(newest.provisional == 0..<2 && newest.entries.map(\.seq) == [8, 9, 10] && !newest.isComplete)
        let after = HistoryPage(Self.after(8), of: log, waiting: [1000, 1000, 1000, 1000], byteCountMax: 3500)
        #expect(after.entries.map(\.seq) == [9, 10] && after.provisional == 0..<2 && !after.isComplete)
        let whole = HistoryPage(Self.after(8), of: log, waiting: [1000, 1000], byteCountMax: 5000)
        #expect(whole.provisional == 0..<2 && whole.isComplete)
        // Those with a place do not all fit.
        let none = HistoryPage(Self.after(0), of: log, waiting: [1000], byteCountMax: 3500)
        #expect(none.provisional.isEmpty && !none.isComplete)
    }

    @Test("Entries that are for others take no place in a page, and leave nothing behind to ask for")
    func filtered() {
        let log = MemoryLog(epoch: "e", capacity: 1000)
        let phones = Audience(deviceType: "phone", sender: nil, isOwnCopy: false)
        // 1, 4 and 7 are for all.
        for seq in 1...9 {
            [1, 2].withUnsafeBytes { _ = log.append($0, audience: seq % 3 == 1 ? nil : phones, at: 1) }
        }
        func page(_ query: HistoryQuery) -> HistoryPage { HistoryPage(query, of: log) { $0 == nil } }
        let newest = page(Self.newest(2))
        #expect(newest.entries.map(\.seq) == [4, 7] && !newest.isComplete)
        let before = page(HistoryQuery(anchor: .before(4), limit: 2))
        #expect(before.entries.map(\.seq) == [1] && before.isComplete)
        let one = page(Self.after(0, 1))
        #expect(one.entries.map(\.seq) == [1] && !one.isComplete)
        let rest = page(Self.after(1, 2))
        #expect(rest.entries.map(\.seq) == [4, 7] && rest.isComplete)
        #expect(page(Self.after(7)).entries.isEmpty && page(Self.after(7)).isComplete)
    }
}
