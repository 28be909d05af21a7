import Core
import TestSupport
import Testing

@testable import Rooms

@Suite("Who holds how much of the stored messages")
struct StoredLedgerTests {
    private final class Holder: StoredHolder {
        var storedBytes: Int
        var listing = StoredListing()
        /// It gives no more than down to this.
        var kept = 0

        init(_ bytes: Int) { storedBytes = bytes }

        func give(_ bytes: Int) -> Int {
            let given = max(0, min(bytes, storedBytes - kept))
            storedBytes -= given
            return given
        }
    }

    @Test("classes of sizes differ by a half, and never fall with the size")
    func classes() {
        #expect(StoredLedger.sizeClass(of: 0) == 0 && StoredLedger.sizeClass(of: 1) == 0)
        #expect(StoredLedger.sizeClass(of: 2) == 2 && StoredLedger.sizeClass(of: 3) == 3)
        #expect(StoredLedger.sizeClass(of: 4) == 4 && StoredLedger.sizeClass(of: 6) == 5)
        #expect(StoredLedger.sizeClass(of: 7) == 5 && StoredLedger.sizeClass(of: 8) == 6)
        #expect(StoredLedger.sizeClass(of: .max) == 125)
        var last = 0
        for bytes in 1...10_000 {
            let sizeClass = StoredLedger.sizeClass(of: bytes)
            #expect(sizeClass == last || sizeClass == last + 1 || bytes == 2)
            last = sizeClass
        }
    }

    @Test("the biggest gives first, no more than it must, until all are alike")
    func biggest() {
        let ledger = StoredLedger()
        let (small, big) = (Holder(1000), Holder(100_000))
        ledger.settle(small)
        ledger.settle(big)
        #expect(ledger.give(10_000) >= 10_000 && small.storedBytes == 1000 && big.storedBytes >= 80_000)
        ledger.give(90_000)
        #expect(small.storedBytes == 1000 || big.storedBytes <= 1500)
        #expect(ledger.give(1_000_000) == small.storedBytes + big.storedBytes || small.storedBytes == 0)
        #expect(small.storedBytes == 0 && big.storedBytes == 0 && ledger.biggest == -1 && ledger.count == 0)
    }

    @Test("one that may give nothing is asked once, and again when it has changed")
    func kept() {
        let ledger = StoredLedger()
        let holder = Holder(5000)
        holder.kept = 5000
        ledger.settle(holder)
        #expect(ledger.give(1) == 0 && ledger.biggest == -1)
        holder.kept = 0
        #expect(ledger.give(1) == 0)
        ledger.settle(holder)
        #expect(ledger.give(1) > 0)
    }

    @Test("who is smaller than asked gives nothing")
    func least() {
        let ledger = StoredLedger()
        let holder = Holder(5000)
        ledger.settle(holder)
        #expect(ledger.give(1, downTo: StoredLedger.sizeClass(of: 5000) + 1) == 0 && holder.storedBytes == 5000)
        #expect(ledger.give(5000, downTo: StoredLedger.sizeClass(of: 5000)) < 5000)
    }

    @Test("holders at random: the sum is kept, and nobody gives who is much smaller than the biggest", arguments: 1...3)
    func random(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        let ledger = StoredLedger()
        var holders = (0..<50).map { _ in Holder(0) }
        for step in 0..<5000 {
            let index = Int.random(in: 0..<50, using: &random)
            if step % 97 == 0 {
                ledger.remove(holders[index])
                holders[index] = Holder(0)
            }
            holders[index].storedBytes += Int.random(in: 0..<1000, using: &random)
            ledger.settle(holders[index])
            let before = holders.map(\.storedBytes)
            let total = before.reduce(0, +)
            guard total > 100_000 else { continue }
            #expect(ledger.give(total - 100_000) >= total - 100_000)
            let after = holders.map(\.storedBytes)
            #expect(after.reduce(0, +) <= 100_000)
            let most = before.max() ?? 0
            for (before, after) in zip(before, after) where after < before { #expect(before * 2 >= most) }
            #expect(ledger.biggest == StoredLedger.sizeClass(of: after.max() ?? 0))
        }
    }
}

@Suite("What a history takes of memory")
struct StoredBytesTests {
    private let stored = StoredMessages()

    private func room(_ name: String, isConfigured: Bool = false, historySize: Int = 1000) -> Room {
        Room(
            id: Identifier(unchecked: name), settings: RoomSettings(historySize: historySize),
            isConfigured: isConfigured, epoch: "e", createdAt: 0, at: 0, in: stored)
    }

    private func say(_ room: Room, _ bytes: Int) {
        _ = withText(String(repeating: "x", count: bytes)) {
            room.commit($0, from: Identifier(unchecked: "a"), id: nil, time: 0, at: 0)
        }
    }

    @Test("the meter has the sum of what all histories take, and nothing when they are gone")
    func meter() {
        do {
            let (one, other) = (room("one"), room("other", historySize: 20))
            for number in 1...200 {
                say(one, number * 10)
                say(other, 500)
                #expect(stored.bytes == one.storedBytes + other.storedBytes)
                #expect(
                    one.storedBytes
                        >= one.log.entries(after: 0, countMax: .max, byteCountMax: .max).reduce(0) {
                            $0 + $1.frame.length
                        })
            }
            // At most twice what it keeps, in whole buffers.
            #expect(other.storedBytes < 40 * 600 + 2 * 65_536)
            other.forgetHistory(newEpoch: "f", at: 1)
            #expect(stored.bytes == one.storedBytes && other.storedBytes == 0)
        }
        #expect(stored.bytes == 0 && stored.rooms.count == 0)
    }

    @Test("a history gives its oldest entries, whole buffers of them, and says so")
    func giving() {
        let room = room("r")
        for _ in 1...400 { say(room, 1000) }
        let before = room.storedBytes
        let given = room.give(100_000)
        #expect(given >= 100_000 && given < 180_000 && room.storedBytes == before - given)
        #expect(room.log.oldestSeq > 80 && room.log.newestSeq == 400)
        #expect(room.log.count == 400 - Int(room.log.oldestSeq) + 1)
        #expect(room.give(.max) == room.storedBytes + before - given || room.storedBytes == 0)
        #expect(room.storedBytes == 0 && room.log.count == 0 && room.log.oldestSeq == 401)
        say(room, 1000)
        #expect(room.log.count == 1 && room.storedBytes > 1000)
    }

    @Test("an operator's room gives nothing for others; what somebody waits for stays in an inbox")
    func kept() {
        let vip = room("vip", isConfigured: true)
        say(vip, 50_000)
        #expect(stored.rooms.give(1) == 0 && vip.storedBytes > 50_000)
        vip.set(vip.settings, isConfigured: false, createdAt: 0)
        #expect(stored.rooms.give(1) > 0)

        let bob = Identifier(unchecked: "bob")
        let inbox = User(bob, number: 1).openInbox(of: bob, epoch: "w", size: 100, in: stored)
        func append(isOwnCopy: Bool) {
            let audience = Audience(deviceType: nil, sender: nil, isOwnCopy: isOwnCopy)
            _ = withText(String(repeating: "x", count: 5000)) { inbox.append($0, audience: audience, at: 1) }
        }
        for isOwnCopy in [true, true, false, true, false] { append(isOwnCopy: isOwnCopy) }
        #expect(inbox.hasPending)
        #expect(stored.inboxes.give(1_000_000) > 0 && inbox.log.oldestSeq == 3 && inbox.pendingCount == 2)
        #expect(stored.inboxes.give(1_000_000) == 0)
        inbox.acknowledged(Position(epoch: inbox.log.epoch, seq: 4), device: nil)
        #expect(stored.inboxes.give(1_000_000) > 0 && inbox.log.oldestSeq == 5 && inbox.pendingCount == 1)
        inbox.acknowledged(Position(epoch: inbox.log.epoch, seq: 5), device: nil)
        #expect(!inbox.hasPending && stored.inboxes.give(1_000_000) > 0 && inbox.storedBytes == 0)
    }
}
