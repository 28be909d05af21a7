import NetworkIO
import RedisLink
import Toolkit

/// Redis that stands still, while messages are published.
///
/// `CLIENT PAUSE` blocks all clients, the one that would end it included (measured with Redis 7.0: `CLIENT UNPAUSE`
/// waits as well). So the pause is made of short ones: the next is sent while one lasts, and is the first that is
/// served after it. It ends by itself when nobody sends any more.
final class RedisPause: Strain, RedisConnectionDelegate {
    /// Of one pause.
    private static let sliceMilliseconds = 500
    /// For the connect, and for each reply, which comes after the pause before it.
    static let timeoutMilliseconds = 5_000
    private static let messagesPerSecond = 10
    private static let contentBytes = 200

    let name = "redis"
    let signals = ["redis_roundtrip", "outbox"]
    private let site: DrillSite
    private let options: RedisOptions
    private let address: SocketAddress
    private let publisher: Publisher
    private var connection: RedisConnection?
    private var isReady = false
    private var fault: String?
    /// Whether the next pause must follow.
    private var isWanted = false
    private var hasRoom = false
    private var beganAt = 0
    private var sentCount = 0
    private var modeBefore = ""
    private var worstMode = ""
    private var outboxMax = 0

    init(_ site: DrillSite, _ options: RedisOptions, at address: SocketAddress) {
        self.site = site
        self.options = options
        self.address = address
        publisher = Publisher(site, contentBytes: Self.contentBytes)
    }

    func prepare(for status: NodeStatus) throws -> String {
        guard status.redisState != "off" else {
            throw DrillRefusal("the node has no Redis: REDIS_URL is not set there")
        }
        guard status.redisState == "online" else {
            throw DrillRefusal("the node is without its Redis already: \(status.redisState)")
        }
        modeBefore = status.mode
        worstMode = status.mode
        try connect()
        return
            "\(options.url) stands still for all that use it, while \(Self.messagesPerSecond) messages per second are "
            + "published"
    }

    /// - Throws: `DrillUnreachable`.
    private func connect() throws {
        do {
            connection = try RedisConnection(to: address, options: options, loop: site.loop, delegate: self)
        } catch {
            throw DrillUnreachable("\(options.url): \(error)")
        }
        try site.stage.wait("Redis", seconds: Self.timeoutMilliseconds / 1000 + 1) { isReady || fault != nil }
        if let fault { throw DrillUnreachable("\(options.url): \(fault)") }
    }

    func begin() throws {
        // The room has to be open before: nobody can be asked for it afterwards.
        try site.makeRoom(site.namePrefix, historySize: 1000)
        hasRoom = true
        isWanted = true
        beganAt = Clock.monotonicMilliseconds()
        // One that is served, and one that waits for its end.
        pause()
        pause()
    }

    private func pause() {
        let words = ["CLIENT", "PAUSE", String(Self.sliceMilliseconds)].map { Array($0.utf8) }
        connection?.send(
            words,
            .closure { [weak self] outcome in
                guard let self, isWanted else { return }
                switch outcome {
                case .reply(let reply):
                    if let error = reply.error {
                        fault = "CLIENT PAUSE: \(error.code) \(error.message)"
                    } else {
                        pause()
                    }
                case .fault: break
                }
            })
    }

    func statusArrived(_ status: NodeStatus) {
        outboxMax = max(outboxMax, status.outboxMessages)
        if status.mode == "degraded" { worstMode = status.mode }
    }

    func turn() throws {
        if let fault { throw SceneFault("\(options.url): \(fault)") }
        let due = (Clock.monotonicMilliseconds() - beganAt) * Self.messagesPerSecond / 1000
        while sentCount < due, publisher.publish(in: site.namePrefix) { sentCount += 1 }
        sentCount = max(sentCount, due)
    }

    func progress(_ status: NodeStatus?) -> String {
        guard let status else { return "" }
        return "\(status.mode), outbox \(status.outboxMessages)"
    }

    func undo() throws {
        isWanted = false
        connection?.drop()
        connection = nil
        try site.stage.pause(milliseconds: 2 * Self.sliceMilliseconds)
        try publisher.end()
    }

    /// The room can only be deleted when the node has its Redis again.
    func clearUp() throws { if hasRoom { try site.delete([site.namePrefix]) } }

    func isOver(_ status: NodeStatus) -> Bool {
        status.mode == modeBefore && status.redisState == "online" && status.outboxMessages == 0
    }

    var outcome: String {
        "\(worstMode == "degraded" ? "it went on alone" : "it always had Redis"); \(publisher.accepted) messages "
            + "were accepted, of them \(publisher.acceptedLocally) into the outbox (\(outboxMax) at most at a time)"
    }

    // MARK: The connection

    func connected(_ connection: RedisConnection) {}
    func secured(_ connection: RedisConnection) {}
    func ready(_ connection: RedisConnection) { isReady = true }
    func lost(_ connection: RedisConnection, _ loss: RedisLoss) {
        guard loss != .stopped else { return }
        fault = fault ?? loss.description
    }
}
