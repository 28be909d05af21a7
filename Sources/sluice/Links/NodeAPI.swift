import ArgumentParser
import Core
import Gateway
import NetworkIO
import Toolkit
import WireProtocol

/// The API of a running node, for a command that asks it something: where it is, and with which key.
struct NodeAPI: ParsableArguments {
    /// Of exits, as sysexits(3) and the table of each command name them.
    enum Status {
        /// The node does not do it.
        static let refused: Int32 = 1
        /// The node, or what it needs, is not there.
        static let unavailable: Int32 = 69
        static let systemFault: Int32 = 71
        /// The key is missing or wrong, or the node lets only clients of its own machine do it.
        static let noPermission: Int32 = 77
    }

    /// The defaults of PORT and HOST, and the addresses that stand for all of a machine's.
    private static let usualPort = "8000"
    private static let everywhere = ["", "0.0.0.0", "::"]
    /// A page of the longest links.
    private static let bodyBytesMax = 16 << 20

    @Option(help: "The node: http://HOST[:PORT] or https://HOST[:PORT]. (default: this machine's, at HOST and PORT)")
    var url: String?

    /// A request of the API.
    struct Question {
        var method = HTTPMethod.get
        /// Path and query, percent-encoded.
        let target: String
        /// JSON; empty: none.
        var body: [UInt8] = []
    }

    /// The node's answer, which is a success.
    /// - Throws: the exit status, once standard error says why.
    func ask(_ question: Question) throws -> [UInt8] {
        let variables = try Configuration.variablesOfProcess()
        let url = try place(variables)
        guard let address = SocketAddress.resolve(host: url.host, port: url.port) else {
            throw Self.fault("\(url.host) has no address", Status.unavailable)
        }
        var headers: [(String, String)] = []
        if let keys = Self.value("API_KEY", variables), let first = keys.split(separator: ",").first {
            headers.append(("X-API-Key", String(first)))
        }
        if !question.body.isEmpty { headers.append(("Content-Type", "application/json")) }
        let request = HTTPClientRequest.bytes(
            question.method, host: url.authority, target: question.target, headers: headers, body: question.body,
            closes: true)
        SignalWatcher.ignoreBrokenPipes()
        let answer: HTTPAnswer?
        do {
            let stage = try Stage()
            defer { stage.close() }
            answer = try stage.ask(
                request, of: address, securedWith: url.isSecure ? TLSPeer(TLSClientContext(), host: url.host) : nil,
                bodyBytesMax: Self.bodyBytesMax)
        } catch let interruption as Interruption {
            throw ExitCode(interruption.exitStatus)
        } catch let error as SystemError {
            throw Self.fault("can't start: \(error)", Status.systemFault)
        } catch is SceneFault {
            answer = nil
        }
        guard let answer else { throw Self.fault("\(url) gives no answer", Status.unavailable) }
        guard !(200...299).contains(answer.status) else { return answer.body }
        throw Self.fault(of: answer, url)
    }

    private func place(_ variables: [String: String]) throws -> ServerURL {
        if let url {
            do throws(ServerURL.Fault) {
                let read = try ServerURL(url, .http)
                if read.target == "/" { return read }
            } catch {
                throw ValidationError("--url: \(error)")
            }
            throw ValidationError("--url must end behind the host and port")
        }
        let host = Self.value("HOST", variables).flatMap { Self.everywhere.contains($0) ? nil : $0 } ?? "127.0.0.1"
        let port = Self.value("PORT", variables) ?? Self.usualPort
        let text = "http://\(host.contains(":") ? "[\(host)]" : host):\(port)"
        do throws(ServerURL.Fault) { return try ServerURL(text, .http) } catch {
            throw ValidationError("HOST and PORT make no address: \(error)")
        }
    }

    /// A variable as `serve` would read it.
    private static func value(_ name: String, _ variables: [String: String]) -> String? {
        variables["SLUICE_" + name] ?? variables[name]
    }

    private static func fault(of answer: HTTPAnswer, _ url: ServerURL) -> ExitCode {
        let reason = answer.body.withUnsafeBytes { bytes in
            let error = try? JSONDocument.members(of: bytes).first { $0.name == "error" }?.value
            let members = error.flatMap { try? JSONDocument.members(of: $0.raw) }
            return members?.first { $0.name == "message" }?.value.text
        }
        let words = reason ?? "it answers \(answer.status)"
        switch answer.status {
        case 401: return fault("\(url) wants an API key, or another one: set API_KEY", Status.noPermission)
        case 403: return fault("\(url) does not allow it: \(words)", Status.noPermission)
        case 500...599: return fault("\(url) can't do it now: \(words)", Status.unavailable)
        default: return fault("\(url) refuses: \(words)", Status.refused)
        }
    }

    private static func fault(_ words: String, _ status: Int32) -> ExitCode {
        Output.errorLine("sluice: \(words)")
        return ExitCode(status)
    }
}
