import Core
import Testing
import WireProtocol

@testable import NetworkIO

@Suite("A turn's time for input, and who has it")
struct InputTurnTests {
    private static let mallory = IPAddress(v4: 0x7F00_0002)

    /// Many connections of one address, and one of another, the last to say something.
    private final class Scene {
        let driver: LoopDriver
        let flood: [(socket: RecordingSocket, peer: Peer)]
        let other: (socket: RecordingSocket, peer: Peer)
        /// Input of the flood that was served, and how much of it before the other's.
        var served = 0
        var servedBefore: Int?

        init(count: Int) throws {
            let driver = try LoopDriver()
            self.driver = driver
            flood = try (0..<count).map { _ in try Loopback.pair(driver, buffers: nil) }
            other = try Loopback.pair(driver, buffers: nil)
            driver.settle()
            for (socket, _) in flood {
                socket.address = InputTurnTests.mallory
                socket.onReceived = { [unowned self] socket, _ in self.work(socket) }
            }
            other.socket.onReceived = { [unowned self] _, _ in servedBefore = servedBefore ?? served }
        }

        /// Input that takes a millisecond.
        private func work(_ socket: RecordingSocket) {
            served += 1
            let start = socket.loop.look()
            while socket.loop.look() - start < 1_000_000 {}
        }

        func say() {
            for (_, peer) in flood { _ = peer.write([1]) }
            _ = other.peer.write([1])
        }
    }

    @Test("One address' input has its time of a turn; whoever comes behind it waits for no more, and nothing is lost")
    func flood() throws {
        let scene = try Scene(count: 60)
        var turns = 0
        scene.driver.turnEnded = { if scene.served > 0, scene.served < 60 { turns += 1 } }
        scene.say()
        scene.driver.run(until: { scene.served == 60 && scene.servedBefore != nil })
        // Four of the first turn, and one or two of the next one.
        #expect(try #require(scene.servedBefore) <= 8)
        #expect(turns >= 60 / 5)
    }

    @Test("In rounds as well, and their rest goes on before the next one")
    func rounds() throws {
        let scene = try Scene(count: 60)
        scene.driver.loop.roundMilliseconds = 20
        scene.say()
        scene.driver.run(until: { scene.served == 60 && scene.servedBefore != nil })
        #expect(try #require(scene.servedBefore) <= 16)
        scene.driver.loop.roundMilliseconds = 60_000
        scene.driver.settle()
        scene.driver.loop.roundMilliseconds = 0
    }

    @Test("Who keeps input back and is ready again has both turns")
    func continuing() throws {
        let scene = try Scene(count: 60)
        let (socket, peer) = scene.other
        var reads = 0
        socket.onReceived = { _, _ in reads += 1 }
        socket.address = Self.mallory
        var asked = false
        // While it waits for its turn to be read.
        scene.driver.work = {
            guard scene.served > 0, reads == 0, !asked else { return }
            asked = true
            socket.continueLater()
        }
        scene.say()
        scene.driver.run(until: { scene.served == 60 && socket.continuations == 1 && reads == 1 })
        #expect(asked)
        _ = peer.write([1])
        scene.driver.run(until: { reads == 2 })
    }

    @Test("A rest brings the next turn, also when the turn that left it was woken by somebody else")
    func wake() throws {
        let driver = try LoopDriver()
        let (socket, peer) = try Loopback.pair(driver, buffers: nil)
        driver.settle()
        let (count, first) = (40, driver.ticks)
        socket.onReceived = { socket, _ in socket.continueLater() }
        var asked = 0
        driver.work = {
            guard asked < count, socket.continuations == asked else { return }
            asked += 1
            // Both are ready in the next turn, the socket first.
            _ = peer.write([1])
            driver.turnAgain()
        }
        driver.run(until: { socket.continuations == count })
        #expect(driver.ticks - first < count / 2, "it waits for ticks")
    }

    @Test("One that is paused while it waits is read when it goes on, and one that is closed is not")
    func pausedAndClosed() throws {
        let scene = try Scene(count: 60)
        let (paused, closed) = (scene.flood[58].socket, scene.flood[59].socket)
        var isDone = false
        scene.driver.work = {
            guard scene.served > 0, !isDone else { return }
            isDone = true
            paused.pauseReading()
            closed.close()
        }
        scene.say()
        scene.driver.run(until: { scene.served == 58 && scene.servedBefore != nil })
        scene.driver.settle()
        #expect(scene.served == 58)
        paused.resumeReading()
        scene.driver.run(until: { scene.served == 59 })
    }
}
