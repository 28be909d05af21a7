import CLibuv
import TestSupport
import Testing

@testable import NetworkIO

@Suite("Sockets with TLS")
struct SecureSocketTests {
    private let certificate: TestCertificate
    private let driver: LoopDriver

    init() throws {
        certificate = try #require(TestCertificate())
        driver = try LoopDriver()
    }

    private func pair() throws -> (client: RecordingSocket, server: RecordingSocket) {
        var ends: [Int32] = [-1, -1]
        try #require(sluice_socket_pair(&ends) == 0)
        let client = try RecordingSocket(descriptor: ends[0], loop: driver.loop)
        let server = try RecordingSocket(descriptor: ends[1], loop: driver.loop)
        server.secure(try TLSFiles(certificate: certificate.certificate, key: certificate.key).load())
        return (client, server)
    }

    private func trust() throws -> TLSPeer {
        TLSPeer(try TLSClientContext(authorities: certificate.certificate), host: "localhost")
    }

    @Test("Megabytes pass in both directions through full buffers, and the end comes in order behind them")
    func bulk() throws {
        let (client, server) = try pair()
        client.secure(try trust())
        let up = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let down = (0..<2_000_000).map { UInt8(truncatingIfNeeded: $0 &* 17 >> 2) }
        for start in stride(from: 0, to: up.count, by: 50_000) { client.send(Array(up[start..<start + 50_000])) }
        for start in stride(from: 0, to: down.count, by: 1000) { server.send(Array(down[start..<start + 1000])) }
        #expect(client.queuedBytes >= up.count)
        client.endAfterFlush()
        driver.run(until: { server.bytes.count == up.count && client.bytes.count == down.count })
        #expect(server.bytes == up && client.bytes == down)
        driver.run(until: { server.ends.count == 1 })
        guard case .peer? = server.ends.first else {
            Issue.record("\(server.ends)")
            return
        }
        driver.run(until: { client.ends.count == 1 })
        #expect(client.backUps > 0 && server.queuedBytes == 0)
    }

    @Test("What the kernel does not take of the last record still comes before the end", arguments: [false, true])
    func lastRecordWaits(closes: Bool) throws {
        let (client, server) = try pair()
        client.secure(try trust())
        client.send([1])
        driver.run(until: { server.bytes == [1] })
        server.pauseReading()
        var size = 1
        while client.queuedBytes == 0 {
            client.send([UInt8](repeating: 7, count: 16_000))
            size += 16_000
            driver.run(until: { !client.flags.contains(.unflushed) })
        }
        // All is in records, and the kernel lacks a part of the last one.
        try #require(client.output.isEmpty)
        if closes { client.closeAfterFlush() } else { client.endAfterFlush() }
        driver.run(until: { !client.flags.contains(.unflushed) })
        server.resumeReading()
        driver.run(until: { server.ends.count == 1 })
        guard case .peer? = server.ends.first, server.bytes.count == size else {
            Issue.record("\(server.bytes.count) of \(size) bytes came, then \(server.ends)")
            return
        }
    }

    @Test("A pause stops reading, and nothing is lost by it")
    func pause() throws {
        let (client, server) = try pair()
        client.secure(try trust())
        var parts: [Int] = []
        server.onReceived = { socket, bytes in
            parts.append(bytes.count)
            socket.pauseReading()
        }
        client.send([UInt8](repeating: 7, count: 400_000))
        while parts.reduce(0, +) < 400_000 {
            let seen = parts.count
            driver.run(until: { parts.count > seen })
            driver.settle()
            #expect(parts.count == seen + 1)
            server.resumeReading()
        }
        #expect(parts.reduce(0, +) == 400_000)
    }

    @Test("A client that speaks without TLS is named as such, and gets an answer that it can read")
    func plainClient() throws {
        let (client, server) = try pair()
        client.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
        driver.run(until: { client.ends.count == 1 && server.ends.count == 1 })
        #expect(String(decoding: client.bytes, as: UTF8.self) == "plain" && server.bytes.isEmpty)
        #expect(server.plainCount == 1)
    }

    @Test("A fault ends both sides, each with its reason")
    func fault() throws {
        let (client, server) = try pair()
        client.secure(TLSPeer(try TLSClientContext(authorities: certificate.certificate), host: "elsewhere"))
        client.send([1, 2, 3])
        driver.run(until: { client.ends.count == 1 && server.ends.count == 1 })
        guard case .insecure(.otherHost("elsewhere"))? = client.ends.first, case .insecure? = server.ends.first else {
            Issue.record("\(client.ends) \(server.ends)")
            return
        }
        #expect(server.bytes.isEmpty)
    }

    @Test("Handshakes have their part of a turn: a storm of them does not keep others waiting")
    func storm() throws {
        let peer = try trust()
        let (chatting, answering) = try pair()
        chatting.secure(peer)
        answering.onReceived = { socket, bytes in socket.send(Array(bytes)) }
        chatting.send([1])
        driver.run(until: { chatting.bytes == [1] })
        var storm: [(client: RecordingSocket, server: RecordingSocket)] = []
        for _ in 0..<300 {
            let both = try pair()
            both.client.secure(peer)
            both.client.send([9])
            storm.append(both)
        }
        // Those who are in get their answer long before the last of the storm is through.
        chatting.send([2])
        var pending = 0
        driver.run(until: {
            if pending == 0, chatting.bytes.count == 2 { pending = storm.filter { $0.server.bytes.isEmpty }.count }
            return storm.allSatisfy { $0.server.bytes == [9] }
        })
        #expect(chatting.bytes == [1, 2] && pending > 200)
        // Whoever counts work by its source learns what each has cost.
        #expect(storm.allSatisfy { $0.server.handshakeNanoseconds > 0 })
    }
}
