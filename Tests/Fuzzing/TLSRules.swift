import NetworkIO
import TestSupport

/// Bytes for a port with TLS. An input is received there as a stranger's first bytes, and as what comes behind a
/// handshake, where it may be forged records, or the plain bytes of the client itself.
enum TLSRules {
    private struct Contexts {
        let server: TLSServerContext
        let client: TLSClientContext

        init() throws {
            guard let certificate = TestCertificate() else { throw FuzzViolation(description: "no certificate") }
            server = try TLSFiles(certificate: certificate.certificate, key: certificate.key).load()
            client = try TLSClientContext(authorities: certificate.certificate)
        }
    }

    /// One end of a connection.
    private final class End {
        let stream: TLSStream
        /// For the other end.
        var outgoing: [UInt8] = []
        var plain: [UInt8] = []
        var isEnded = false
        /// Nothing more is received after a fault, as by a socket.
        var fault: TLSFault?

        init(_ stream: TLSStream) throws {
            self.stream = stream
            try stream.begin()
            flush()
        }

        func receive(_ bytes: UnsafeRawBufferPointer) {
            guard fault == nil, !isEnded else { return }
            defer { flush() }
            do throws(TLSFault) {
                let received = try stream.receive(bytes)
                plain += stream.memory.plain[..<received.count]
                isEnded = received.isEnded
            } catch {
                fault = error
            }
        }

        func flush() {
            _ = stream.flush {
                outgoing += $0
                return $0.count
            }
        }
    }

    /// The most that a server says to bytes that are no handshake: its own part of one, or an alert.
    private static let answerBytesMax = 8 * 1024
    private static let contexts = Result { try Contexts() }

    static func check(_ input: UnsafeRawBufferPointer) throws {
        let contexts = try contexts.get()
        try checkStranger(input, contexts)
        try checkBehindHandshake(input, contexts)
    }

    private static func checkStranger(_ input: UnsafeRawBufferPointer, _ contexts: Contexts) throws {
        var verdict: Bool?
        for pieces in Pieces.all(of: input) {
            let end = try End(TLSStream(contexts.server, memory: makeMemory(input)))
            for piece in pieces { Pieces.withCopy(of: piece) { end.receive(UnsafeRawBufferPointer($0)) } }
            try hold(!end.stream.isEstablished, "a handshake that nobody has answered is through")
            try hold(end.plain.isEmpty && !end.isEnded, "a stranger's bytes are plain ones")
            try hold(end.outgoing.count <= answerBytesMax, "\(end.outgoing.count) bytes for a stranger")
            try holdEqual(end.fault != nil, verdict ?? (end.fault != nil), "a stranger's bytes in pieces")
            verdict = end.fault != nil
        }
    }

    private static func checkBehindHandshake(_ input: UnsafeRawBufferPointer, _ contexts: Contexts) throws {
        let memory = makeMemory(input)
        let client = try End(TLSStream(TLSPeer(contexts.client, host: "127.0.0.1"), memory: memory))
        let server = try End(TLSStream(contexts.server, memory: memory))
        while !client.outgoing.isEmpty || !server.outgoing.isEmpty {
            hand(from: client, to: server)
            hand(from: server, to: client)
        }
        try hold(client.stream.isEstablished && server.stream.isEstablished, "a handshake that failed")
        // What the client says arrives, as it is.
        for piece in Pieces.all(of: input).last ?? [] where !piece.isEmpty {
            try client.stream.encrypt(piece)
            client.flush()
        }
        hand(from: client, to: server)
        try hold(server.fault == nil && server.plain == Array(input), "plain bytes, received")
        // Whoever lacks the keys says nothing, and ends nothing.
        server.plain = []
        Pieces.withCopy(of: input) { server.receive(UnsafeRawBufferPointer($0)) }
        try hold(server.plain.isEmpty && !server.isEnded, "a forged record")
        try hold(server.outgoing.count <= answerBytesMax, "\(server.outgoing.count) bytes for a forger")
    }

    private static func hand(from one: End, to other: End) {
        let bytes = one.outgoing
        one.outgoing = []
        if !bytes.isEmpty { bytes.withUnsafeBytes(other.receive) }
    }

    private static func makeMemory(_ input: UnsafeRawBufferPointer) -> TLSMemory {
        TLSMemory(receivedBytesMax: max(2 * input.count, 64 * 1024))
    }
}
