import COpenSSL
import TestSupport
import Testing

@testable import NetworkIO

@Suite("TLS in memory")
struct TLSStreamTests {
    private let certificate: TestCertificate

    init() throws { certificate = try #require(TestCertificate()) }

    private func served() throws -> TLSServerContext {
        try TLSFiles(certificate: certificate.certificate, key: certificate.key).load()
    }

    /// One end, and what it has for the other one.
    private final class End {
        let stream: TLSStream
        var outgoing: [UInt8] = []
        var plain: [UInt8] = []
        var isEnded = false

        init(_ stream: TLSStream) throws {
            self.stream = stream
            try stream.begin()
            flush()
        }

        func flush() {
            _ = stream.flush {
                outgoing += $0
                return $0.count
            }
        }

        func receive(_ bytes: ArraySlice<UInt8>) throws {
            defer { flush() }
            let received = try Array(bytes).withUnsafeBytes { try stream.receive($0) }
            plain += stream.memory.plain[..<received.count]
            isEnded = isEnded || received.isEnded
        }

        func send(_ bytes: [UInt8]) throws {
            try bytes.withUnsafeBytes { try stream.encrypt($0) }
            flush()
        }
    }

    private func pair(
        _ trust: TLSClientContext, host: String = "127.0.0.1", on memory: TLSMemory
    ) throws -> (client: End, server: End) {
        let client = try End(TLSStream(TLSPeer(trust, host: host), memory: memory))
        return (client, try End(TLSStream(served(), memory: memory)))
    }

    /// Hands pieces of random sizes over, both ways, until there is nothing to hand over.
    private func exchange(_ one: End, _ other: End, _ random: inout SplitMix64) throws {
        while !one.outgoing.isEmpty || !other.outgoing.isEmpty {
            for (from, to) in [(one, other), (other, one)] where !from.outgoing.isEmpty {
                let most = [1, 5, 100, 2000, 100_000].randomElement(using: &random) ?? 1
                let count = Int.random(in: 1...min(most, from.outgoing.count), using: &random)
                let piece = from.outgoing[..<count]
                from.outgoing.removeFirst(count)
                try to.receive(piece)
            }
        }
    }

    @Test("New keys now and then are new keys; a flood of them, or one with hardly any words between, ends the stream")
    func newKeys() throws {
        let trust = try TLSClientContext(authorities: certificate.certificate)
        let memory = TLSMemory(receivedBytesMax: 128 * 1024)
        var random = SplitMix64(seed: 1)
        // With `wantsAnswer` the other side has new keys, too.
        func renew(_ client: End, times: Int, word: [UInt8] = [], wantsAnswer: Bool = true) throws {
            for _ in 0..<times {
                SSL_key_update(client.stream.ssl, wantsAnswer ? 1 : 0)
                SSL_do_handshake(client.stream.ssl)
                if !word.isEmpty { try client.send(word) }
                client.flush()
            }
        }
        let (client, server) = try pair(trust, on: memory)
        try exchange(client, server, &random)
        let megabyte = [UInt8](repeating: 7, count: TLSMemory.recordBytesMax)
        for _ in 0..<20 {
            try renew(client, times: 10, wantsAnswer: false)
            for _ in 0..<64 { try client.send(megabyte) }
            try exchange(client, server, &random)
        }
        #expect(server.plain.count == 20 * 64 * megabyte.count)
        for word in [[], [1]] as [[UInt8]] {
            let (client, server) = try pair(trust, on: memory)
            try exchange(client, server, &random)
            try renew(client, times: TLSStream.stepsMax, word: word)
            #expect(throws: TLSFault.failed("too many handshakes, new keys or alerts")) {
                try server.receive(client.outgoing[...])
            }
        }
    }

    @Test("What goes in comes out, in order, however it is cut into pieces")
    func chunks() throws {
        let trust = try TLSClientContext(authorities: certificate.certificate)
        // One memory for all streams, as on a loop.
        let memory = TLSMemory(receivedBytesMax: 128 * 1024)
        for seed in UInt64(1)...40 {
            var random = SplitMix64(seed: seed)
            let (client, server) = try pair(trust, on: memory)
            try exchange(client, server, &random)
            #expect(client.stream.isEstablished && server.stream.isEstablished, "seed \(seed)")
            var (up, down): ([UInt8], [UInt8]) = ([], [])
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let bytes = (0..<Int.random(in: 1...TLSMemory.recordBytesMax, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                if Bool.random(using: &random) {
                    up += bytes
                    try client.send(bytes)
                } else {
                    down += bytes
                    try server.send(bytes)
                }
                if Bool.random(using: &random) { try exchange(client, server, &random) }
            }
            client.stream.end()
            client.flush()
            try exchange(client, server, &random)
            #expect(server.plain == up && client.plain == down, "seed \(seed)")
            #expect(server.isEnded && !client.isEnded, "seed \(seed)")
            #expect(client.stream.unsentCount == 0 && server.stream.unsentCount == 0)
        }
    }

    @Test("A changed byte ends the connection, and never passes")
    func changed() throws {
        let trust = try TLSClientContext(authorities: certificate.certificate)
        let memory = TLSMemory(receivedBytesMax: 128 * 1024)
        for seed in UInt64(1)...60 {
            var random = SplitMix64(seed: seed)
            let (client, server) = try pair(trust, on: memory)
            try exchange(client, server, &random)
            try client.send(Array("hello".utf8))
            let place = Int.random(in: 0..<client.outgoing.count, using: &random)
            client.outgoing[place] ^= UInt8.random(in: 1...255, using: &random)
            // Of a length that was made larger the rest never comes.
            if (try? exchange(client, server, &random)) == nil { continue }
            #expect(server.plain.isEmpty, "seed \(seed)")
        }
    }

    @Test("What the network does not take is kept, and counts by the record until the record is out")
    func unsent() throws {
        let trust = try TLSClientContext(authorities: certificate.certificate)
        let memory = TLSMemory(receivedBytesMax: 128 * 1024)
        var random = SplitMix64(seed: 7)
        let (client, server) = try pair(trust, on: memory)
        try exchange(client, server, &random)
        try [UInt8](repeating: 1, count: 1000).withUnsafeBytes { try client.stream.encrypt($0) }
        var taken: [UInt8] = []
        func take(_ most: Int) -> Bool {
            client.stream.flush {
                taken += $0.prefix(most)
                return min(most, $0.count)
            }
        }
        #expect(!take(0) && client.stream.unsentPlainBytes == 1000 && client.stream.unsentCount > 1000)
        let whole = client.stream.unsentCount
        #expect(!take(whole - 1) && client.stream.unsentPlainBytes == 1000 && client.stream.unsentCount == 1)
        #expect(take(1) && client.stream.unsentPlainBytes == 0 && client.stream.unsentCount == 0)
        try server.receive(taken[...])
        #expect(server.plain == [UInt8](repeating: 1, count: 1000))
    }

    private func fault(_ trust: TLSClientContext, host: String) throws -> TLSFault? {
        var random = SplitMix64(seed: 1)
        let (client, server) = try pair(trust, host: host, on: TLSMemory(receivedBytesMax: 128 * 1024))
        do {
            try exchange(client, server, &random)
            return nil
        } catch {
            return error as? TLSFault
        }
    }

    @Test("A certificate must be for the host that was asked for, and of an authority that is trusted")
    func verification() throws {
        let trust = try TLSClientContext(authorities: certificate.certificate)
        #expect(try fault(trust, host: "localhost") == nil)
        #expect(try fault(trust, host: "127.0.0.1") == nil)
        #expect(try fault(trust, host: "127.0.0.2") == .otherHost("127.0.0.2"))
        #expect(try fault(trust, host: "chat.example.com") == .otherHost("chat.example.com"))
        guard case .unknownAuthority = try fault(TLSClientContext(), host: "localhost") else {
            Issue.record("an unknown authority was not refused as such")
            return
        }
        #expect(try fault(TLSClientContext(unverified: ()), host: "chat.example.com") == nil)
    }

    @Test("A server that speaks something else is named as such")
    func plain() throws {
        let trust = try TLSClientContext(authorities: certificate.certificate)
        let memory = TLSMemory(receivedBytesMax: 128 * 1024)
        let client = try End(TLSStream(TLSPeer(trust, host: "localhost"), memory: memory))
        #expect(throws: TLSFault.notTLS) { try client.receive(Array("-ERR unknown command".utf8)[...]) }
        let server = try End(TLSStream(served(), memory: memory))
        #expect(throws: TLSFault.notTLS) { try server.receive(Array("GET / HTTP/1.1".utf8)[...]) }
    }

    @Test("Random bytes behind a record's head are refused or waited for")
    func noise() throws {
        let memory = TLSMemory(receivedBytesMax: 128 * 1024)
        let context = try served()
        for seed in UInt64(1)...200 {
            var random = SplitMix64(seed: seed)
            let server = try End(TLSStream(context, memory: memory))
            let count = Int.random(in: 0...20_000, using: &random)
            let noise = [22, 3, 1] + (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            _ = try? server.receive(noise[...])
            #expect(!server.stream.isEstablished && server.plain.isEmpty)
        }
    }
}
