import ClusterState
import Core
import Logging
import NetworkIO

/// Sends the pushes that workers leave in the node's mailbox. What is tried when is decided by `PushQueue`.
///
/// Thread: the control loop's.
final class PushSender {
    /// How long an ending node goes on with what it has not tried yet, and with tries under way.
    private static let endMilliseconds = 2_000
    /// Tries that are begun in one turn: a server that refuses at once would keep the loop from all else.
    private static let startsPerTurn = 64
    /// Between two lines about pushes that were lost.
    private static let logMilliseconds = 60_000

    private let webhook: Webhook
    /// nil: plain TCP.
    private let peer: TLSPeer?
    private let mail: Mailbox<PushJob>
    private let loop: EventLoop
    private let logger: Logger
    private var queue = PushQueue()
    private var attempts: [Int: WebhookAttempt] = [:]
    private var random = FastRandom(seed: Digest.random(count: 8).reduce(0) { $0 << 8 | UInt64($1) })
    private var tally = Tally()
    private var endAt: Int?
    private var isPumping = false

    private struct Tally {
        /// Since the start.
        var sent = 0
        var lost = 0
        /// Since the last line about them.
        var lostSinceLine = 0
        var lastWords = ""
        var nextLineAt = Int.min
    }

    init(_ webhook: Webhook, mail: Mailbox<PushJob>, loop: EventLoop, logger: Logger) {
        self.webhook = webhook
        peer = webhook.url.isSecure ? TLSPeer(TLSClientContext(), host: webhook.url.host) : nil
        self.mail = mail
        self.loop = loop
        var logger = logger
        logger[metadataKey: "webhook"] = "\(webhook)"
        self.logger = logger
        mail.connect(to: loop.wakeHandle)
        if webhook.secret == nil { logger.warning("pushes are not signed: PUSH_WEBHOOK_SECRET is not set") }
    }

    /// There may be mail.
    func woken() {
        for job in mail.takeAll() where !queue.add(job, at: loop.now) {
            lost(1, "too many are waiting")
        }
        pump()
    }

    /// At each tick of the loop.
    func ticked() {
        let old = queue.ticked(at: loop.now)
        if old > 0 { lost(old, "they waited for too long") }
        for attempt in attempts.values { attempt.ticked() }
        pump()
        logLost()
    }

    /// Whether an ending node need not wait for pushes any more; the wait begins with the first question.
    func hasEnded(at now: Int) -> Bool {
        let endAt = endAt ?? now + Self.endMilliseconds
        self.endAt = endAt
        return queue.readyCount == 0 || now >= endAt
    }

    /// Drops what is left.
    func stop() {
        mail.connect(to: nil)
        for attempt in attempts.values { attempt.cancel() }
        attempts = [:]
        if queue.count > 0 {
            tally.lost += queue.count
            logger.warning("pushes are dropped: the node ends", metadata: ["pushes": "\(queue.count)"])
        }
        logger.info("pushes so far", metadata: ["sent": "\(tally.sent)", "lost": "\(tally.lost)"])
    }

    private func pump() {
        guard !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        for _ in 0..<Self.startsPerTurn {
            guard let next = queue.next() else { return }
            let number = next.number
            let attempt = WebhookAttempt(next.job.post, to: webhook, securedWith: peer, loop: loop) { [weak self] in
                self?.ended(number, next.job, $0, $1)
            }
            attempts[number] = attempt
            attempt.begin()
        }
    }

    private func ended(_ number: Int, _ job: PushJob, _ answer: WebhookAnswer, _ words: String) {
        attempts[number] = nil
        let fields: Logger.Metadata = ["user": "\(job.user)", "delivery": "\(job.post.delivery)", "why": "\(words)"]
        switch queue.ended(number, answer, at: loop.now, random: random.next()) {
        case .sent:
            tally.sent += 1
            logger.debug("a push was taken", metadata: fields)
        case .again(let wait):
            let more = fields.merging(["retry_milliseconds": "\(wait)"]) { $1 }
            logger.debug("a push failed and is tried again", metadata: more)
        case .refused, .givenUp:
            logger.debug("a push is dropped", metadata: fields)
            lost(1, words)
        case nil: break
        }
        pump()
    }

    // MARK: The log

    private func lost(_ count: Int, _ words: String) {
        tally.lost += count
        tally.lostSinceLine += count
        tally.lastWords = words
        logLost()
    }

    /// At most one line a minute.
    private func logLost() {
        guard tally.lostSinceLine > 0, loop.now >= tally.nextLineAt else { return }
        logger.warning(
            "pushes are dropped",
            metadata: [
                "pushes": "\(tally.lostSinceLine)", "why": "\(tally.lastWords)", "sent": "\(tally.sent)",
                "lost": "\(tally.lost)", "waiting": "\(queue.count)",
            ])
        tally.lostSinceLine = 0
        tally.nextLineAt = loop.now + Self.logMilliseconds
    }
}
