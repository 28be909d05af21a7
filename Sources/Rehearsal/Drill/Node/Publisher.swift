import NetworkIO
import Toolkit

/// Publishes messages in rooms by HTTP, several under way at once.
///
/// Thread: the loop's.
final class Publisher {
    /// Content of one message in bytes: four of them, with what else is in a frame, fill one buffer of a history.
    static let contentBytes = 16_000
    private static let contentBytesMin = 256
    private static let underWayMax = 16
    /// Looks for the last answers, `lastLookMilliseconds` apart.
    private static let lastLooksMax = 50
    private static let lastLookMilliseconds = 100

    private let site: DrillSite
    private var connection: HTTPConnection?
    private var retryAt = 0
    private var content = String(repeating: "x", count: contentBytes)
    /// Messages that were accepted, and of them those that wait for Redis.
    private(set) var accepted = 0
    private(set) var acceptedLocally = 0
    /// Bytes of content of all that was sent, whatever became of it.
    private(set) var sentBytes = 0
    private(set) var refused = 0

    init(_ site: DrillSite, contentBytes: Int = contentBytes) {
        self.site = site
        content = String(repeating: "x", count: contentBytes)
    }

    /// Bytes of content of the next message: fewer after the node refused one as too large.
    var contentBytes: Int { content.utf8.count }

    /// Messages without an answer.
    var underWay: Int { connection?.underWay ?? 0 }

    /// Sends one message, if there is a connection and room on it; whether it did.
    func publish(in room: String) -> Bool {
        guard let connection = connection ?? connect(), connection.isOpen, underWay < Self.underWayMax else {
            return false
        }
        let body = #"{"user":"\#(site.namePrefix)","content":"\#(content)"}"#
        connection.ask(site.request(.post, "/api/rooms/\(room)/messages", body: body, closes: false))
        sentBytes += contentBytes
        return true
    }

    private func connect() -> HTTPConnection? {
        let now = Clock.monotonicMilliseconds()
        guard now >= retryAt else { return nil }
        retryAt = now + 250
        connection = try? HTTPConnection(to: site.node.address, securedWith: site.peer, loop: site.loop) {
            [weak self] answer in
            if let answer { self?.answered(answer.status) } else { self?.connection = nil }
        }
        return connection
    }

    /// Waits for the last answers, some seconds at most, and ends the connection: a message that the node reads after
    /// its room was deleted would make the room again.
    func end() throws {
        for _ in 0..<Self.lastLooksMax where underWay > 0 {
            try site.stage.pause(milliseconds: Self.lastLookMilliseconds)
        }
        connection?.reset()
        connection = nil
    }

    private func answered(_ status: Int) {
        switch status {
        case 200, 201: accepted += 1
        case 202:
            accepted += 1
            acceptedLocally += 1
        case 413:
            refused += 1
            content = String(content.prefix(max(contentBytes / 2, Self.contentBytesMin)))
        default: refused += 1
        }
    }
}
