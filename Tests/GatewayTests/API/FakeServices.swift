import ClusterState
import Core
import Logging
import Overload
import Rooms
import Testing
import WireProtocol

@testable import Gateway

/// A worker without a thread, a socket or rooms, as the HTTP API sees it. Work for other threads is counted, not done.
final class FakeServices: APIServices {
    let context: NodeContext
    var now = 1_000_000
    var unixNow = 1_700_000_000_000
    let load: LoadControl
    var random = FastRandom(seed: 1)
    var otherNodes: [NodeRecord] = []
    var locks = LockReport()
    /// The workers that work was posted to.
    private(set) var posts: [Int] = []
    /// Questions for the list of rooms that wait for an answer.
    private(set) var lists: [([RoomDescription]?) -> Void] = []

    /// The same for the list of users.
    private(set) var userLists: [(OnlineDirectory.Found?) -> Void] = []
    /// Requests that publish many messages.
    private(set) var publications: [[PublicationBatches.Part]] = []

    init(_ environment: [String: String] = [:]) throws {
        context = try FakeNode.context(environment)
        load = LoadControl(context.configuration, at: now)
    }

    var counters: WorkerCounters { context.counters[0] }
    var tokens: TokenGate? { context.access.credentials.tokens }

    func makeID(after head: String) -> String { head + "made" }

    func listRooms(after cursor: Identifier?, limit: Int, _ completion: @escaping ([RoomDescription]?) -> Void) {
        lists.append(completion)
    }

    func listUsers(after cursor: Identifier?, limit: Int, _ completion: @escaping (OnlineDirectory.Found?) -> Void) {
        userLists.append(completion)
    }
    func publish(_ parts: [PublicationBatches.Part], for responder: Responder) { publications.append(parts) }

    func read(by key: UInt64, of address: IPAddress?, bytesMax: Int, _ question: @escaping () -> Void) {
        question()
    }
    func send(_ message: WorkerMessage, to worker: Int) { posts.append(worker) }

    // MARK: For tests

    func adopt(_ tier: Tier) { load.adopt(.of(tier), reason: "test", context.configuration, at: now) }

    /// The reply to a request; see `FakeCall`.
    func route(
        _ method: String, _ target: String, _ headers: String..., body: String = "", from peer: String = "192.0.2.1"
    ) throws -> Reply {
        try route(method, target, headers, body: body, from: peer)
    }

    private func route(
        _ method: String, _ target: String, _ headers: [String], body: String, from peer: String
    ) throws -> Reply {
        route(try FakeCall.make(method, target, headers, body: body, from: peer))
    }

    /// The same for a request that is there.
    func route(_ call: HTTPCall) -> Reply {
        let router = Router(services: self)
        var call = call
        router.identify(&call)
        return router.admit(&call).map { .now($0) } ?? router.reply(to: call)
    }

    /// The answer to a request that is answered at once.
    func answer(
        _ method: String, _ target: String, _ headers: String..., body: String = "", from peer: String = "192.0.2.1"
    ) throws -> HTTPResponse {
        let reply = try route(method, target, headers, body: body, from: peer)
        guard case .now(let response) = reply else { throw FakeCall.Fault.otherReply("\(reply)") }
        return response
    }
}

enum FakeNode {
    private static func tokens(_ configuration: Configuration) throws -> TokenSource? {
        try configuration.tokens.map { settings in try TokenSource { try settings.verifier() } }
    }

    /// The context that the workers of a node share; none of them runs.
    static func context(_ environment: [String: String] = [:]) throws -> NodeContext {
        let environment = environment.merging(["WORKERS": "2"]) { given, _ in given }
        let configuration = try Configuration.load(environment: environment, dotEnv: nil, cores: 1)
        return NodeContext(
            configuration: configuration, nodeID: "n",
            port: 1,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, connectionsMax: 10, openFilesMax: 10,
            startedAt: 0, tokens: try tokens(configuration))
    }
}

/// Requests from text, as the parser makes them.
enum FakeCall {
    enum Fault: Error {
        case noRequest
        case otherReply(String)
    }

    static func make(
        _ method: String, _ target: String, _ headers: [String] = [], body: String = "", from peer: String = "192.0.2.1"
    ) throws -> HTTPCall {
        let length = body.isEmpty ? [] : ["Content-Length: \(body.utf8.count)"]
        // Who is on this machine asks for it by that name.
        let name = IPAddress(peer)?.isLoopback == true ? "localhost" : "node.test"
        let host = headers.contains { $0.hasPrefix("Host:") } ? [] : ["Host: \(name)"]
        let lines = ["\(method) \(target) HTTP/1.1"] + host + headers + length
        var parser = HTTPRequestParser(limits: HTTPLimits())
        let bytes = Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + body).utf8)
        let (consumed, first) = bytes.withUnsafeBytes { parser.consume($0) }
        var event = first
        if case .head = first { event = bytes[consumed...].withUnsafeBytes { parser.consume($0) }.event }
        guard case .request(let request) = event, let address = IPAddress(peer) else { throw Fault.noRequest }
        return HTTPCall(request, peer: address)
    }
}

extension HTTPResponse {
    /// The body as text.
    var text: String { String(decoding: body, as: UTF8.self) }

    /// The value of a header.
    func header(_ name: String) -> String? { headers.first { $0.0 == name }?.1 }
}
