import CLibuv
import Testing
import WireProtocol

@testable import NetworkIO

@Suite("Sockets: reading, ends and slots")
struct SocketReadingTests {
    @Test("more than one read's worth of bytes that came before the first turn", arguments: [0, 1])
    func backlog(extra: Int) throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver, buffers: nil)
        let sent = Loopback.pattern(700_000 + extra, seed: 11)
        var offset = 0
        driver.work = {
            if offset < sent.count {
                offset += peer.write(sent[offset...])
                driver.turnAgain()
            }
        }
        driver.run(until: { socket.bytes.count >= sent.count })
        #expect(socket.bytes == sent)
    }

    @Test("a paused socket reads nothing, and all of it when it goes on")
    func pause() throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver, buffers: nil)
        let sent = Loopback.pattern(500_000, seed: 12)
        var received: [UInt8] = []
        socket.onReceived = { socket, bytes in
            received += bytes
            socket.pauseReading()
        }
        var offset = peer.write(sent[...])
        #expect(offset > 0)
        driver.run(until: { !received.isEmpty })
        let first = received.count
        driver.settle()
        #expect(received.count == first)
        // One read at a time, until all has come.
        var resumes = 0
        driver.work = {
            offset += peer.write(sent[offset...])
            socket.resumeReading()
            resumes += 1
            driver.turnAgain()
        }
        driver.run(until: { received.count >= sent.count })
        #expect(received == sent)
        #expect(resumes > 1)
    }

    @Test("bytes and an end that come while paused are delivered when reading goes on")
    func pausedEnd() throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver, buffers: nil)
        socket.pauseReading()
        let sent = Loopback.pattern(300_000, seed: 13)
        var offset = 0
        while offset < 100_000 { offset += peer.write(sent[offset..<100_000]) }
        peer.shutDown()
        driver.settle()
        #expect(socket.bytes.isEmpty && socket.ends.isEmpty && socket.isOpen)
        socket.resumeReading()
        driver.run(until: { !socket.ends.isEmpty })
        #expect(socket.bytes == Array(sent[..<100_000]))
        guard case .peer = socket.ends.first else { Issue.record("\(socket.ends)"); return }
        driver.settle()
        #expect(socket.ends.count == 1)
    }

    @Test("resuming what is not paused is nothing")
    func resumeUnpaused() throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver)
        socket.resumeReading()
        _ = peer.write([1])
        driver.run(until: { !socket.bytes.isEmpty })
        #expect(socket.bytes == [1])
    }

    @Test("the peer's end is reported once, behind its last byte")
    func end() throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver, buffers: nil)
        #expect(driver.loop.sockets.count == 1)
        #expect(peer.write([1, 2, 3]) == 3)
        peer.close()
        driver.run(until: { !socket.ends.isEmpty })
        driver.settle()
        #expect(socket.bytes == [1, 2, 3] && socket.ends.count == 1)
        guard case .peer = socket.ends[0] else { Issue.record("\(socket.ends)"); return }
        #expect(!socket.isOpen && driver.loop.sockets.count == 0)
        // Nothing that is done to it any more has an effect.
        socket.send([1])
        socket.endAfterFlush()
        socket.resumeReading()
        socket.close()
        socket.reset()
        driver.settle()
        #expect(socket.queuedBytes == 0 && socket.ends.count == 1)
    }

    @Test("a reset is reported once, as a failure", arguments: [false, true])
    func reset(isPaused: Bool) throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver)
        if isPaused { socket.pauseReading() }
        peer.reset()
        driver.run(until: { !socket.ends.isEmpty })
        driver.settle()
        #expect(socket.ends.count == 1)
        guard case .failed(let error) = socket.ends[0] else { Issue.record("\(socket.ends)"); return }
        #expect(error.number == ECONNRESET)
        #expect(!socket.isOpen)
    }

    @Test("a reset while much is queued is reported once")
    func resetWhileWriting() throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver)
        for _ in 0..<200 { socket.send([UInt8](repeating: 1, count: 10_000)) }
        driver.run(until: { socket.isBlocked })
        peer.reset()
        driver.run(until: { !socket.ends.isEmpty })
        driver.settle()
        #expect(socket.ends.count == 1 && socket.queuedBytes == 0)
        guard case .failed = socket.ends[0] else { Issue.record("\(socket.ends)"); return }
    }

    @Test("closing ourselves is reported once, also from within a call")
    func localClose() throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver)
        socket.onReceived = { socket, _ in
            socket.send([1])
            socket.close()
            socket.close()
        }
        _ = peer.write([1])
        driver.run(until: { !socket.ends.isEmpty })
        driver.settle()
        #expect(socket.ends.count == 1)
        guard case .local = socket.ends[0] else { Issue.record("\(socket.ends)"); return }
        peer.read(10)
        #expect(peer.isAtEnd || peer.failure == ECONNRESET)
    }

    @Test("our reset reaches the peer as one")
    func localReset() throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver)
        socket.send([UInt8](repeating: 1, count: 1000))
        socket.reset()
        peer.read(10)
        #expect(peer.failure == ECONNRESET && peer.bytes.isEmpty)
        guard case .local = socket.ends.first, socket.ends.count == 1 else { Issue.record("\(socket.ends)"); return }
    }

    @Test("a slot that is given out again is found by its new key alone")
    func slots() throws {
        let driver = try LoopDriver()
        let (first, firstPeer) = try Loopback.pair(driver)
        let (second, secondPeer) = try Loopback.pair(driver)
        let key = first.key
        #expect(driver.loop.sockets.find(key) === first && driver.loop.sockets.at(first.slot) === first)
        first.close()
        #expect(driver.loop.sockets.find(key) == nil)
        // Not in the same turn, in which an event for the former socket may still be on its way.
        let (third, thirdPeer) = try Loopback.pair(driver)
        #expect(third.slot != first.slot)
        driver.settle()
        let (fourth, fourthPeer) = try Loopback.pair(driver)
        #expect(fourth.slot == first.slot && fourth.key != key)
        #expect(driver.loop.sockets.find(key) == nil && driver.loop.sockets.find(fourth.key) === fourth)
        #expect(driver.loop.sockets.count == 3 && driver.loop.sockets.all.count == 3)
        _ = fourthPeer.write([4])
        _ = secondPeer.write([2])
        driver.run(until: { !fourth.bytes.isEmpty && !second.bytes.isEmpty })
        #expect(first.bytes.isEmpty && third.bytes.isEmpty)
        // A peer that is gone closes its connection: they live until here.
        for peer in [firstPeer, thirdPeer] { peer.close() }
    }

    // MARK: Timers

    @Test("a timer fires once, not before it is due; a later wish replaces the first; a closed socket has none")
    func timers() throws {
        let driver = try LoopDriver()
        let (socket, socketPeer) = try Loopback.pair(driver)
        let (moved, movedPeer) = try Loopback.pair(driver)
        let (closed, closedPeer) = try Loopback.pair(driver)
        let due = driver.loop.now + 500
        driver.loop.schedule(socket, at: due)
        driver.loop.schedule(moved, at: due)
        driver.loop.schedule(moved, at: due + 700)
        driver.loop.schedule(closed, at: due)
        closed.close()
        driver.run(until: { !moved.firedAt.isEmpty })
        #expect(socket.firedAt.count == 1 && moved.firedAt.count == 1 && closed.firedAt.isEmpty)
        #expect(socket.firedAt[0] >= due && moved.firedAt[0] >= due + 700)
        driver.settle()
        #expect(socket.firedAt.count == 1 && moved.firedAt.count == 1)
        driver.loop.schedule(socket, at: driver.loop.now)
        driver.run(until: { socket.firedAt.count == 2 })
        for peer in [socketPeer, movedPeer, closedPeer] { peer.close() }
    }
}
