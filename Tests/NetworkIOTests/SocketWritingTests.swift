import CLibuv
import TestSupport
import Testing
import WireProtocol

@testable import NetworkIO

@Suite("Sockets: what is written arrives whole and in order")
struct SocketWritingTests {
    @Test("an echo to a slow reader", arguments: [1, 100, 8191, 65_537, 3_000_000])
    func echo(count: Int) throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver)
        let sent = Loopback.pattern(count, seed: seed)
        var echoed = 0
        var wasBlocked = false
        socket.onReceived = { socket, bytes in
            echoed += bytes.count
            // In several slices, so that the queue has many.
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(Int.random(in: 1...3000, using: &random)))
                socket.send(FrameBuffer(copying: piece))
                rest = UnsafeRawBufferPointer(rebasing: rest[piece.count...])
            }
        }
        var offset = 0
        driver.work = {
            if offset < sent.count { offset += peer.write(sent[offset..<min(sent.count, offset + 60_000)]) }
            // Nothing is read while there is still something to be written: the queue has to hold it all.
            if offset == sent.count { peer.read(Int.random(in: 1...30_000, using: &random)) }
            wasBlocked = wasBlocked || socket.isBlocked
            driver.turnAgain()
        }
        driver.run(until: { peer.bytes.count >= count })
        #expect(peer.bytes == sent, "seed \(seed)")
        #expect(echoed == count)
        #expect(count < 1_000_000 || wasBlocked, "the reader was slow")
        #expect(socket.queuedBytes == 0 && !socket.isBlocked)
        #expect(socket.drains > 0 && socket.ends.isEmpty)
    }

    @Test(
        "as many slices as one call takes, one more and many more, to a reader who is there",
        arguments: [1, 2, 63, 64, 65, 66, 127, 128, 129, 1000])
    func slices(count: Int) throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver, buffers: nil)
        // The first edge, that there is room to write, comes by itself; behind it a forgotten write shows.
        driver.settle()
        let sent = Loopback.pattern(count * 10, seed: 1)
        for start in stride(from: 0, to: sent.count, by: 10) { socket.send(Array(sent[start..<start + 10])) }
        #expect(socket.queuedBytes == sent.count)
        // The kernel has room for all of it, and nobody reads: no other edge comes.
        driver.run(seconds: 10, until: { socket.queuedBytes == 0 })
        #expect(socket.drains == 1 && !socket.isBlocked)
        driver.work = {
            peer.read(100_000)
            driver.turnAgain()
        }
        driver.run(until: { peer.bytes.count >= sent.count })
        #expect(peer.bytes == sent)
    }

    @Test("thousands of slices of all sizes, to a slow reader")
    func manySlices() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver)
        var sent: [UInt8] = []
        for _ in 0..<3000 {
            let piece = Loopback.pattern(Int.random(in: 0...900, using: &random), seed: random.next())
            sent += piece
            socket.send(piece)
        }
        driver.work = {
            peer.read(Int.random(in: 1...20_000, using: &random))
            driver.turnAgain()
        }
        driver.run(until: { peer.bytes.count >= sent.count })
        #expect(peer.bytes == sent, "seed \(seed)")
        #expect(socket.queuedBytes == 0)
    }

    @Test("a slow reader holds on to no transient buffer of a later turn")
    func transientBuffersOfLaterTurns() throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver)
        var sent = Loopback.pattern(3_000_000, seed: 4)
        socket.send(sent)
        driver.run(until: { socket.isBlocked })
        weak var transient: FrameBuffer?
        for turn in 0..<200 {
            let piece = Loopback.pattern(100, seed: UInt64(turn))
            sent += piece
            driver.work = {
                guard transient == nil else { return }
                let buffer = FrameBuffer(capacity: 64 * 1024, isTransient: true)
                piece.withUnsafeBytes { buffer.append($0) }
                transient = buffer
                socket.send(buffer)
                driver.work = {}
            }
            driver.turnAgain()
            guard driver.run(seconds: 10, until: { transient == nil }) else { return }
        }
        #expect(socket.isBlocked)
        driver.work = {
            peer.read(100_000)
            driver.turnAgain()
        }
        driver.run(until: { peer.bytes.count >= sent.count })
        #expect(peer.bytes == sent)
    }

    @Test("slices behind each other in one buffer, and a buffer shared with another socket")
    func sharedBuffer() throws {
        let driver = try LoopDriver()
        let (first, firstPeer) = try Loopback.pair(driver)
        let (second, secondPeer) = try Loopback.pair(driver)
        let bytes = Loopback.pattern(400_000, seed: 3)
        let buffer = bytes.withUnsafeBytes { FrameBuffer(copying: $0) }
        for offset in stride(from: 0, to: bytes.count, by: 1000) {
            first.send(FrameSlice(buffer: buffer, offset: offset, length: 1000))
            // The other way round, so that none continues the one before.
            second.send(FrameSlice(buffer: buffer, offset: bytes.count - offset - 1000, length: 1000))
        }
        driver.work = {
            firstPeer.read(10_000)
            secondPeer.read(7_000)
            driver.turnAgain()
        }
        driver.run(until: { firstPeer.bytes.count >= bytes.count && secondPeer.bytes.count >= bytes.count })
        #expect(firstPeer.bytes == bytes)
        let reversed = stride(from: bytes.count - 1000, through: 0, by: -1000).flatMap { bytes[$0..<$0 + 1000] }
        #expect(secondPeer.bytes == reversed)
    }

    @Test("a transient buffer may be filled again after the turn, whatever the reader has taken")
    func transientBuffers() throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver)
        var arena = FrameArena(capacityMin: 4096, capacityMax: 65536, isTransient: true)
        var sent: [UInt8] = []
        var rounds = 0
        driver.turnEnded = { arena.recycle() }
        driver.work = {
            if rounds < 300 {
                for part in 0..<8 {
                    let payload = Loopback.pattern(40 * (part + 1), seed: UInt64(rounds * 8 + part))
                    let slice = payload.withUnsafeBytes { arena.frame(.binary, $0) }
                    sent += slice.bytes
                    socket.send(slice)
                }
                rounds += 1
            }
            if rounds > 200 { peer.read(3_000) }
            driver.turnAgain()
        }
        driver.run(until: { rounds == 300 && peer.bytes.count >= sent.count })
        #expect(peer.bytes == sent)
    }

    @Test("endAfterFlush: everything is delivered before the end, and nothing is taken behind it")
    func endAfterFlush() throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver)
        let sent = Loopback.pattern(2_000_000, seed: 5)
        socket.send(sent)
        socket.endAfterFlush()
        socket.send([1, 2, 3])
        driver.work = {
            peer.read(50_000)
            driver.turnAgain()
        }
        driver.run(until: { peer.isAtEnd })
        #expect(peer.bytes == sent)
        // Our side alone has ended: the peer may still speak, and is heard until it ends too.
        #expect(socket.isOpen && socket.ends.isEmpty)
        #expect(peer.write([9, 8, 7]) == 3)
        driver.run(until: { socket.bytes.count >= 3 })
        #expect(socket.bytes == [9, 8, 7])
        socket.send([1])
        #expect(socket.queuedBytes == 0)
        peer.close()
        driver.run(until: { !socket.ends.isEmpty })
        guard case .peer = socket.ends.first else { Issue.record("\(socket.ends)"); return }
    }

    @Test("What the kernel does not take is known before it is copied, and a turn that is asked for comes once")
    func backedUpAndContinued() throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver)
        socket.send(Loopback.pattern(500_000, seed: 21))
        driver.run(until: { socket.backUps > 0 })
        #expect(socket.backUps == 1 && socket.queuedBytes > 0 && socket.continuations == 0)
        socket.continueLater()
        socket.continueLater()
        driver.run(until: { socket.continuations > 0 })
        driver.settle()
        #expect(socket.continuations == 1)
        withExtendedLifetime(peer) {}
    }

    @Test("closeAfterFlush: everything is delivered, however long it takes, and the socket is closed behind it")
    func closeAfterFlush() throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver)
        let sent = Loopback.pattern(2_000_000, seed: 6)
        socket.send(sent)
        socket.closeAfterFlush()
        socket.send([1, 2, 3])
        driver.work = {
            peer.read(50_000)
            driver.turnAgain()
        }
        driver.run(until: { peer.isAtEnd })
        #expect(peer.bytes == sent && !socket.isOpen)
        guard case .local = socket.ends.first, socket.ends.count == 1 else { Issue.record("\(socket.ends)"); return }
    }

    @Test("sendNow: with the kernel before the turn ends, unless something is queued; whole to a peer that reads late")
    func sendNow() throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver)
        func slice(_ bytes: [UInt8]) -> FrameSlice {
            FrameSlice(buffer: bytes.withUnsafeBytes { FrameBuffer(copying: $0) }, offset: 0, length: bytes.count)
        }
        #expect(socket.sendNow(slice([1, 2, 3])) && socket.queuedBytes == 0)
        peer.read(3)
        #expect(peer.bytes == [1, 2, 3])
        var sent: [UInt8] = [1, 2, 3]
        socket.send([4])
        #expect(!socket.sendNow(slice([5, 6])) && socket.queuedBytes == 1)
        sent += [4]
        driver.run(until: { socket.queuedBytes == 0 })
        // More than the kernel takes: a part is left over, and what follows comes behind it.
        let large = Loopback.pattern(8_000_000, seed: 11)
        #expect(socket.sendNow(slice(large)))
        #expect(socket.isBlocked && socket.queuedBytes > 0 && socket.queuedBytes < large.count)
        #expect(!socket.sendNow(slice([5, 6])))
        socket.send(slice([7, 8]))
        sent += large + [7, 8]
        driver.work = {
            peer.read(200_000)
            driver.turnAgain()
        }
        driver.run(until: { peer.bytes.count >= sent.count })
        #expect(peer.bytes == sent)
        peer.close()
        driver.run(until: { !socket.isOpen })
        #expect(!socket.sendNow(slice([9])) && socket.queuedBytes == 0)
    }

    @Test("a few small slices leave in one piece, in their order, and also to a peer that reads late")
    func smallSlices() throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver)
        var sent: [UInt8] = []
        var turns = 0
        driver.work = {
            guard turns < 200 else { return }
            turns += 1
            for number in 0..<5 {
                let piece = Loopback.pattern(100 + 331 * number, seed: UInt64(turns * 10 + number))
                socket.send(piece)
                sent += piece
            }
            driver.turnAgain()
        }
        driver.run(until: { turns == 200 })
        driver.work = {
            peer.read(20_000)
            driver.turnAgain()
        }
        driver.run(until: { peer.bytes.count >= sent.count })
        #expect(peer.bytes == sent)
    }

    @Test("endAfterFlush with nothing queued ends at once")
    func endWithoutBytes() throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver)
        socket.endAfterFlush()
        driver.work = {
            peer.read(10)
            driver.turnAgain()
        }
        driver.run(until: { peer.isAtEnd })
        #expect(peer.bytes.isEmpty)
    }

    @Test("dropQueuedFrames: the stream goes on at the end of a frame", arguments: [false, true], [200, 3000, 70_000])
    func dropQueuedFrames(isContiguous: Bool, payloadCount: Int) throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver)
        var arena = FrameArena(capacityMin: 1 << 20, capacityMax: 1 << 20)
        let frames = 3_000_000 / payloadCount
        for number in 0..<frames {
            var payload = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: payloadCount)
            payload.replaceSubrange(0..<2, with: [UInt8(number >> 8), UInt8(number & 0xFF)])
            if !isContiguous { arena.forget() }
            socket.send(payload.withUnsafeBytes { arena.frame(.binary, $0) })
        }
        let queued = socket.queuedBytes
        driver.work = {
            if peer.bytes.count < 20_000 { peer.read(777) }
            driver.turnAgain()
        }
        driver.run(until: { socket.isBlocked && peer.bytes.count >= 20_000 })
        socket.dropQueuedFrames()
        #expect(socket.queuedBytes < payloadCount + 14, "at most the rest of one frame")
        #expect(socket.queuedBytes < queued)
        socket.send(FrameEncoder.closeFrame(.slowReader, reason: "slow"))
        socket.endAfterFlush()
        driver.work = {
            peer.read(100_000)
            driver.turnAgain()
        }
        driver.run(until: { peer.isAtEnd })

        var decoder = WebSocketDecoder()
        var received = 0
        var bytes = peer.bytes
        var offset = 0
        var closes = 0
        while offset < bytes.count {
            let (consumed, event) = bytes.withUnsafeMutableBytes { buffer in
                let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[offset...])
                let next = decoder.next(rest, role: .client, messageBytesMax: 100_000)
                switch next.event {
                case .binary(let payload):
                    #expect(payload.count == payloadCount && Int(payload[0]) << 8 | Int(payload[1]) == received)
                    received += 1
                case .close(let code, _):
                    #expect(code == .slowReader)
                    closes += 1
                default: Issue.record("\(next.event)")
                }
                return (next.consumed, next.event)
            }
            if case .incomplete = event { break }
            offset += consumed
        }
        #expect(closes == 1 && received > 0 && received < frames)
    }

    @Test("dropQueuedFrames before anything went out drops everything")
    func dropAll() throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver)
        for _ in 0..<5 { socket.send(FrameEncoder.closeFrame(.normal)) }
        socket.dropQueuedFrames()
        #expect(socket.queuedBytes == 0)
        socket.dropQueuedFrames()
        socket.send([1, 2])
        driver.work = {
            peer.read(100)
            driver.turnAgain()
        }
        driver.run(until: { !peer.bytes.isEmpty })
        driver.settle()
        peer.read(100)
        #expect(peer.bytes == [1, 2])
    }
}
