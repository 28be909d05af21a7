import ArgumentParser
import Core
import Gateway
import NetworkIO
import Toolkit
import WireProtocol

/// `sluice health`
struct HealthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Ask a node whether it is well: for images without curl, and for scripts.",
        discussion: """
            Asks GET /health, or /ready with --ready, and writes the answer. Without a URL it asks the node that serve \
            would be here: on this machine, by PORT, HOST and whether there is a TLS_CERT_FILE, whose names are then \
            not checked.

            Exit status: 0 when the node answers with 200, 1 when it answers otherwise, 69 when it does not answer, \
            78 when the configuration is wrong.
            """)

    @Argument(help: "The node: http://HOST[:PORT] or https://HOST[:PORT], without a path.")
    var url: String?

    @Flag(help: "Ask whether it takes new clients: not while it drains or is overloaded.")
    var ready = false

    /// sysexits(3)
    private static let unavailable: Int32 = 69
    private static let systemFault: Int32 = 71

    /// Whom to ask.
    private struct Place {
        let host: String
        let port: UInt16
        /// The value of the Host header.
        let authority: String
        /// nil: without TLS.
        let trust: TLSClientContext?
    }

    func validate() throws {
        if let url { _ = try Self.place(url) }
    }

    private static func place(_ text: String) throws -> Place {
        guard let url = try? ServerURL(text, .http), url.target == "/" else {
            throw ValidationError("\"\(text)\" is no node; write http://HOST[:PORT] or https://HOST[:PORT], no path")
        }
        return Place(
            host: url.host, port: url.port, authority: url.authority, trust: url.isSecure ? TLSClientContext() : nil)
    }

    /// The node of this machine. What nobody can listen on in the name of another needs no certificate.
    private static func own() throws -> Place {
        let configuration = try Configuration.ofProcess()
        let host = "\(configuration.host)"
        return Place(
            host: ["0.0.0.0": "127.0.0.1", "::": "::1"][host] ?? host, port: UInt16(configuration.port),
            authority: "localhost", trust: configuration.certificate.map { _ in TLSClientContext(unverified: ()) })
    }

    func run() throws {
        SignalWatcher.ignoreBrokenPipes()
        let place = try url.map(Self.place) ?? Self.own()
        let answer: HTTPAnswer?
        do {
            answer = try ask(place)
        } catch let interruption as Interruption {
            throw ExitCode(interruption.exitStatus)
        } catch let error as SystemError {
            Output.errorLine("sluice health: can't start: \(error)")
            throw ExitCode(Self.systemFault)
        }
        guard let answer else {
            Output.errorLine("sluice health: no answer of \(URLAuthority(host: place.host, port: place.port))")
            throw ExitCode(Self.unavailable)
        }
        Output.line(String(decoding: answer.body, as: UTF8.self))
        guard answer.status == 200 else {
            Output.errorLine("sluice health: the answer has the status \(answer.status)")
            throw ExitCode.failure
        }
    }

    private func ask(_ place: Place) throws -> HTTPAnswer? {
        guard let address = SocketAddress.resolve(host: place.host, port: place.port) else { return nil }
        let stage = try Stage()
        defer { stage.close() }
        let request = HTTPClientRequest.bytes(
            .get, host: place.authority, target: ready ? "/ready" : "/health",
            headers: [("Accept", "application/json"), ("User-Agent", "sluice/\(Version.number)")], closes: true)
        return try stage.ask(request, of: address, securedWith: place.trust.map { TLSPeer($0, host: place.host) })
    }
}
