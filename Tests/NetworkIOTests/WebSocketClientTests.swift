import CLibuv
import Testing
import WireProtocol

@testable import NetworkIO

@Suite("The WebSocket client")
struct WebSocketClientTests {
    private func client(_ driver: LoopDriver, port: UInt16, timeout: Int = 60_000) throws -> RecordingClient {
        try RecordingClient(
            to: try SocketAddress(numericHost: "127.0.0.1", port: port),
            request: WebSocketRequest(host: "127.0.0.1:\(port)", target: "/ws/room/user", key: WebSocketKey()),
            timeoutMilliseconds: timeout, loop: driver.loop)
    }

    /// A client and a server's end that are through with the handshake.
    private func pair(_ driver: LoopDriver) throws -> (RecordingClient, WebSocketServerEnd, WebSocketServer) {
        let server = try WebSocketServer(driver)
        let client = try client(driver, port: server.port)
        driver.run(until: { client.openings == 1 })
        return (client, try #require(server.ends.first), server)
    }

    @Test("opens, sends masked text, takes text and binary")
    func messages() throws {
        let driver = try LoopDriver()
        let (client, end, server) = try pair(driver)
        client.send("hello")
        end.send(.text, Array("welcome".utf8))
        end.send(.binary, [1, 2, 3])
        driver.run(until: { !end.texts.isEmpty && !client.binaries.isEmpty })
        #expect(end.texts == ["hello"] && end.violations.isEmpty)
        #expect(client.texts == [Array("welcome".utf8)] && client.binaries == [[1, 2, 3]])
        client.close(.normal)
        driver.run(until: { end.closes == [1000] })
        server.close()
        driver.settle()
    }

    @Test("a refused connect is reported once, with the system's words")
    func refused() throws {
        let driver = try LoopDriver()
        // A port that was bound a moment ago and is free again.
        let listener = try ListeningSocket.bind(host: "127.0.0.1", port: 0, count: 1)[0]
        close(listener.descriptor)
        let client = try client(driver, port: listener.port)
        driver.run(until: { !client.ends.isEmpty })
        driver.settle()
        #expect(client.ends == [.unreachable("connect: Connection refused")] && client.openings == 0)
        #expect(driver.loop.sockets.count == 0)
    }

    @Test("a status instead of 101", arguments: [200, 302, 401, 404, 503])
    func status(status: Int) throws {
        let driver = try LoopDriver()
        let server = try WebSocketServer(driver, answer: .text("HTTP/1.1 \(status) X\r\nContent-Length: 0\r\n\r\n"))
        let client = try client(driver, port: server.port)
        driver.run(until: { !client.ends.isEmpty })
        #expect(client.ends == [.refused(status: status)] && !client.isOpen)
        server.close()
        driver.settle()
        #expect(client.ends.count == 1)
    }

    @Test(
        "an answer that is no handshake",
        arguments: [
            "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: abc\r\n\r\n",
            "SSH-2.0-OpenSSH\r\n\r\n",
        ])
    func badHandshake(answer: String) throws {
        let driver = try LoopDriver()
        let server = try WebSocketServer(driver, answer: .text(answer))
        let client = try client(driver, port: server.port)
        driver.run(until: { !client.ends.isEmpty })
        guard case .badHandshake = client.ends[0] else { Issue.record("\(client.ends)"); return }
        #expect(client.openings == 0)
        server.close()
        driver.settle()
    }

    @Test("a server that does not answer, and one that ends without an answer")
    func timeout() throws {
        let driver = try LoopDriver()
        let server = try WebSocketServer(driver, answer: .silence)
        let slow = try client(driver, port: server.port, timeout: 300)
        driver.run(until: { !slow.ends.isEmpty })
        #expect(slow.ends == [.timedOut])
        let cut = try client(driver, port: server.port)
        driver.run(until: { server.ends.count == 2 && server.ends[1].requests == 1 })
        server.ends[1].close()
        driver.run(until: { !cut.ends.isEmpty })
        #expect(cut.ends == [.unreachable("handshake: the server closed the connection")])
        server.close()
        driver.settle()
    }

    @Test("frames that come byte by byte")
    func splitReads() throws {
        let driver = try LoopDriver()
        let (client, end, server) = try pair(driver)
        let long = String(repeating: "ä", count: 200)
        var stream: [UInt8] = []
        for text in ["a", long, ""] {
            let frame = Array(text.utf8).withUnsafeBytes { FrameEncoder.frame(.text, $0) }
            stream += FrameSlice(buffer: frame, offset: 0, length: frame.count).bytes
        }
        var index = 0
        driver.work = {
            guard index < stream.count else { return }
            end.send([stream[index]])
            index += 1
            driver.turnAgain()
        }
        driver.run(until: { client.texts.count == 3 })
        #expect(client.texts == [Array("a".utf8), Array(long.utf8), []])
        server.close()
        driver.settle()
    }

    @Test("pings are answered with their payload")
    func ping() throws {
        let driver = try LoopDriver()
        let (_, end, server) = try pair(driver)
        end.send(.ping, [9, 8, 7])
        end.send(.ping, [])
        driver.run(until: { end.pongs.count == 2 })
        #expect(end.pongs == [[9, 8, 7], []] && end.violations.isEmpty)
        server.close()
        driver.settle()
    }

    @Test("the server's close is returned and reported with its code and reason")
    func serverCloses() throws {
        let driver = try LoopDriver()
        let (client, end, server) = try pair(driver)
        end.send(.close, [0x10, 0x06] + Array("{\"reason\":\"x\"}".utf8))
        driver.run(until: { end.closes.count == 1 })
        end.close()
        driver.run(until: { !client.ends.isEmpty })
        #expect(client.ends == [.closed(code: 4102, reason: "{\"reason\":\"x\"}")] && end.closes == [4102])
        server.close()
        driver.settle()
    }

    @Test("what comes behind the server's close frame is not read, in the same piece or later")
    func dataBehindClose() throws {
        let driver = try LoopDriver()
        let (client, end, server) = try pair(driver)
        end.send(.close, [0x03, 0xE8])
        end.send(.text, Array("a".utf8))
        driver.run(until: { end.closes == [1000] })
        end.send(.text, Array("b".utf8))
        driver.settle()
        end.close()
        driver.run(until: { !client.ends.isEmpty })
        #expect(client.texts.isEmpty && client.ends == [.closed(code: 1000, reason: "")])
        server.close()
        driver.settle()
    }

    @Test("a close without a code is 1005, an end without a close frame 1006")
    func endsWithoutCode() throws {
        let driver = try LoopDriver()
        let (client, end, server) = try pair(driver)
        end.send(.close, [])
        driver.run(until: { end.closes.count == 1 })
        end.close()
        driver.run(until: { !client.ends.isEmpty })
        #expect(client.ends == [.closed(code: 1005, reason: "")])
        let second = try self.client(driver, port: server.port)
        driver.run(until: { second.openings == 1 })
        server.ends[1].reset()
        driver.run(until: { !second.ends.isEmpty })
        #expect(second.ends == [.closed(code: 1006, reason: "")])
        server.close()
        driver.settle()
    }

    @Test("our close waits for the server's, but not for ever, and nothing is sent behind it")
    func weClose() throws {
        let driver = try LoopDriver()
        let (client, end, server) = try pair(driver)
        client.close(.goingAway, reason: "bye")
        client.send("too late")
        client.close(.normal)
        driver.run(until: { !client.ends.isEmpty })
        #expect(client.ends == [.closed(code: 1001, reason: "bye")])
        #expect(end.closes == [1001] && end.texts.isEmpty)
        server.close()
        driver.settle()
    }

    @Test("a server that masks is closed with 1002")
    func violation() throws {
        let driver = try LoopDriver()
        let (client, end, server) = try pair(driver)
        end.send([0x81, 0x81, 1, 2, 3, 4, 5])
        driver.run(until: { end.closes.count == 1 })
        end.close()
        driver.run(until: { !client.ends.isEmpty })
        guard case .closed(1002, _) = client.ends[0] else { Issue.record("\(client.ends)"); return }
        #expect(end.closes == [1002])
        server.close()
        driver.settle()
    }

    @Test("a message of the largest size is taken, one byte more closes with 1009", arguments: [0, 1])
    func largeMessage(extra: Int) throws {
        let driver = try LoopDriver()
        let (client, end, server) = try pair(driver)
        let payload = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 23) + [UInt8](repeating: 0x78, count: extra)
        end.send(.text, payload)
        if extra == 0 {
            driver.run(until: { !client.texts.isEmpty })
            #expect(client.texts == [payload])
        } else {
            driver.run(until: { end.closes == [1009] })
            #expect(client.texts.isEmpty)
        }
        server.close()
        driver.settle()
    }

    @Test("a close before the handshake is through cuts the connection")
    func earlyClose() throws {
        let driver = try LoopDriver()
        let server = try WebSocketServer(driver, answer: .silence)
        let client = try client(driver, port: server.port)
        driver.run(until: { server.ends.count == 1 })
        client.close(.normal)
        #expect(client.ends == [.closed(code: 1000, reason: "")])
        driver.run(until: { server.ends[0].socketEnds.count == 1 })
        server.close()
        driver.settle()
    }

    @Test("a connection comes from the source address that it was given")
    func source() throws {
        let driver = try LoopDriver()
        let server = try WebSocketServer(driver)
        let address = try SocketAddress(numericHost: "127.0.0.1", port: server.port)
        let sources = [0, 249, 250].map { SocketAddress.loopbackSource($0).hostText }
        #expect(sources == ["127.1.0.1", "127.1.0.250", "127.1.1.1"])
        let client = try RecordingClient(
            to: address, from: SocketAddress.loopbackSource(250),
            request: WebSocketRequest(host: "h", target: "/", key: WebSocketKey()), loop: driver.loop)
        driver.run(until: { client.openings == 1 })
        server.close()
        driver.settle()
    }
}
