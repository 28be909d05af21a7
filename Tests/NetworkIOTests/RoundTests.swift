import Testing
import WireProtocol

@testable import NetworkIO

@Suite("A loop under load: it reads and writes in rounds, and how long what arrives waits is measured")
struct RoundTests {
    @Test("what a socket in rounds gets in many turns leaves at once, and what another gets with each turn")
    func writes() throws {
        let driver = try LoopDriver()
        let (held, heldPeer) = try Loopback.pair(driver, buffers: nil)
        let (other, otherPeer) = try Loopback.pair(driver, buffers: nil)
        driver.settle()
        let drains = (held.drains, other.drains)
        held.isInRounds = true
        driver.loop.roundMilliseconds = 60_000
        var turns = 0
        driver.work = {
            guard turns < 20 else { return }
            turns += 1
            // From the transient memory of a turn, which has to stay as it is until the round.
            [UInt8(turns)].withUnsafeBytes { held.send(driver.loop.scratch.copy($0)) }
            other.send([UInt8(turns)])
            otherPeer.read(100)
            driver.turnAgain()
        }
        driver.run(until: { turns == 20 && other.drains - drains.1 == 20 })
        #expect(held.queuedBytes == 20 && held.drains == drains.0)
        heldPeer.read(100)
        #expect(heldPeer.bytes.isEmpty)
        driver.loop.roundMilliseconds = 0
        driver.run(until: { held.queuedBytes == 0 })
        #expect(held.drains == drains.0 + 1)
        heldPeer.read(100)
        #expect(heldPeer.bytes == (1...20).map { UInt8($0) })
    }

    @Test("what a round did not come to has waited since it began, on average of all input")
    func left() {
        let millisecond = 1_000_000
        var round = Round()
        round.changed(to: 20)
        #expect(round.began(at: 1_000 * millisecond) == nil)
        round.tookInput(served: 100, leaving: 0)
        #expect(round.began(at: 1_021 * millisecond) == millisecond)
        // Left by the round, and taken behind it: that is as planned.
        round.tookInput(served: 60, leaving: 40)
        round.tookInput(served: 40, leaving: 0)
        #expect(round.began(at: 1_041 * millisecond) == 0)
        // Half is left when the next one begins.
        round.tookInput(served: 30, leaving: 70)
        round.tookInput(served: 20, leaving: 50)
        #expect(round.began(at: 1_061 * millisecond) == 10 * millisecond)
        // That has its turn in this one, and others do not.
        round.tookInput(served: 50, leaving: 150)
        #expect(round.began(at: 1_081 * millisecond) == 15 * millisecond)
        // Not all of those have, in this one.
        round.tookInput(served: 50, leaving: 150)
        #expect(round.began(at: 1_101 * millisecond) == 30 * millisecond)
        round.tookInput(served: 150, leaving: 0)
        #expect(round.began(at: 1_121 * millisecond) == 0)
    }

    @Test("what waits for the round leaves when its time is over")
    func release() throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver, buffers: nil)
        driver.settle()
        socket.isInRounds = true
        driver.loop.roundMilliseconds = 20
        var sawRoundAwaited = false
        var isSent = false
        driver.work = {
            if !isSent { socket.send([7]) }
            isSent = true
            sawRoundAwaited = sawRoundAwaited || driver.loop.isRoundAwaited
        }
        driver.run(until: { isSent && socket.queuedBytes == 0 })
        peer.read(10)
        #expect(peer.bytes == [7] && sawRoundAwaited)
        driver.loop.roundMilliseconds = 0
    }

    @Test("in rounds sockets are read once each, and urgent ones as their bytes come")
    func reads() throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver, buffers: nil)
        let (urgent, urgentPeer) = try Loopback.pair(driver, buffers: nil, isUrgent: true)
        driver.settle()
        var reads = (socket: 0, urgent: 0)
        socket.onReceived = { _, _ in reads.socket += 1 }
        urgent.onReceived = { _, _ in reads.urgent += 1 }
        driver.loop.roundMilliseconds = 60_000
        driver.work = {
            guard reads.urgent < 10 else { return }
            _ = peer.write([1])
            _ = urgentPeer.write([1])
            driver.turnAgain()
        }
        driver.run(until: { reads.urgent >= 10 })
        #expect(reads.socket == 0)
        driver.loop.roundMilliseconds = 20
        driver.run(until: { reads.socket > 0 })
        #expect(reads.socket == 1, "all that came is read at once")
        driver.loop.roundMilliseconds = 0
        _ = peer.write([1])
        driver.run(until: { reads.socket == 2 })
    }

    @Test("a loop in rounds can end")
    func end() throws {
        weak var ended: EventLoop?
        do {
            let driver = try LoopDriver()
            driver.loop.roundMilliseconds = 20
            driver.settle()
            ended = driver.loop
            #expect(ended != nil)
        }
        #expect(ended == nil)
    }

    @Test("the wait in line is as long as what stands before it takes")
    func queueDelay() throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver, buffers: nil)
        driver.settle()
        _ = driver.loop.takeQueueDelay()
        var longest = 0
        var reads = 0
        socket.onReceived = { _, _ in
            reads += 1
            // A turn in which there is much to do: whoever comes meanwhile waits for it.
            let end = Clock.monotonicMilliseconds() + 20
            while Clock.monotonicMilliseconds() < end {}
        }
        driver.work = {
            _ = peer.write([1])
            if let delay = driver.loop.takeQueueDelay() { longest = max(longest, delay.max) }
            driver.turnAgain()
        }
        driver.run(until: { reads >= 10 && longest >= 15_000 })
        socket.onReceived = { _, _ in reads += 1 }
        let before = reads
        var shortest = Int.max
        driver.work = {
            _ = peer.write([1])
            if let delay = driver.loop.takeQueueDelay() { shortest = min(shortest, delay.min) }
            driver.turnAgain()
        }
        driver.run(until: { reads > before + 100 && shortest < 15_000 })
        #expect(longest > shortest)
    }
}
