import NetworkIO
import Toolkit
import WireProtocol

/// The node that a drill is held at, and what is needed to speak with it.
final class DrillSite {
    let node: NodeURL
    /// Whom TLS is spoken with; nil: the node speaks none.
    let peer: TLSPeer?
    let stage: Stage
    /// How long the drill lasts.
    let seconds: Int
    private let apiKey: String?
    /// Begins the names of this run's rooms and users, so that they meet no others.
    let namePrefix = "drill-" + String((0..<6).map { _ in "abcdefghijkmnpqrstuvwxyz23456789".randomElement() ?? "x" })

    /// A second apart: without its Redis a node deletes nothing.
    private static let deletionAttempts = 12

    init(_ node: NodeURL, apiKey: String?, seconds: Int, stage: Stage) {
        self.node = node
        peer = node.isSecure ? TLSPeer(TLSClientContext(), host: node.name) : nil
        self.apiKey = apiKey
        self.seconds = seconds
        self.stage = stage
    }

    var loop: EventLoop { stage.loop }

    /// The bytes of a request.
    /// - Parameters:
    ///   - closes: whether the node must close the connection behind its answer.
    ///   - body: JSON; empty: none.
    func request(
        _ method: HTTPMethod, _ path: String, accept: String? = nil, body: String = "", closes: Bool = true
    ) -> [UInt8] {
        var headers: [(String, String)] = []
        if let accept { headers.append(("Accept", accept)) }
        if let apiKey { headers.append(("X-API-Key", apiKey)) }
        if !body.isEmpty { headers.append(("Content-Type", "application/json")) }
        return HTTPClientRequest.bytes(
            method, host: node.host, target: path, headers: headers, body: Array(body.utf8), closes: closes)
    }

    /// A request, whose answer is waited for: its status, or nil when there is none within a few seconds.
    func ask(_ method: HTTPMethod, _ path: String, body: String = "") throws -> Int? {
        try stage.ask(request(method, path, body: body), of: node.address, securedWith: peer)?.status
    }

    /// One of the node's metrics without labels; nil when it has none of that name.
    func counter(_ name: String) throws -> Int? {
        let answer = try stage.ask(request(.get, "/metrics"), of: node.address, securedWith: peer)
        guard let answer, answer.status == 200 else { return nil }
        let line = String(decoding: answer.body, as: UTF8.self).split(separator: "\n").first {
            $0.hasPrefix(name + " ")
        }
        return line.flatMap { Int($0.dropFirst(name.count + 1)) }
    }

    /// Makes a room.
    /// - Throws: `SceneFault` when the node does not.
    func makeRoom(_ room: String, historySize: Int) throws {
        let status = try ask(.post, "/api/rooms", body: #"{"id":"\#(room)","history_size":\#(historySize)}"#)
        guard status == 201 else {
            throw SceneFault("the room \(room) can't be made: \(Self.words(status))")
        }
    }

    /// Deletes rooms; tries again for a while where that does not work.
    /// - Throws: `SceneFault` naming those that are still there.
    func delete(_ rooms: [String]) throws {
        var left = rooms
        var status: Int?
        for attempt in 0..<Self.deletionAttempts where !left.isEmpty {
            if attempt > 0 { try stage.pause(milliseconds: 1000) }
            left = try left.filter { room in
                status = try ask(.delete, "/api/rooms/\(room)")
                return status != 204 && status != 404
            }
        }
        guard left.isEmpty else {
            throw SceneFault("still there: \(left.joined(separator: ", ")); deleting them: \(Self.words(status))")
        }
    }

    private static func words(_ status: Int?) -> String {
        switch status {
        case 401?: "the node wants another API key (--api-key)"
        case let status?: "the node answers \(status)"
        case nil: "the node does not answer"
        }
    }
}
