import ClusterState
import Core
import Logging
import NetworkIO

/// Sends the events that threads leave at the node's desk. When is decided by `EventQueue`.
///
/// Thread: the control loop's.
final class EventSender {
    /// How long an ending node goes on with what it has.
    private static let endMilliseconds = 2_000
    /// Between two lines about events that were lost.
    private static let logMilliseconds = 60_000

    private let webhook: Webhook
    /// nil: plain TCP.
    private let peer: TLSPeer?
    private let desk: EventDesk
    private let boot: String
    private let loop: EventLoop
    private let logger: Logger
    private var queue = EventQueue()
    private var attempt: WebhookAttempt?
    /// Names the POST that is under way, or was last.
    private var delivery = ""
    private var deliveries = 0
    private var random = FastRandom(seed: Digest.random(count: 8).reduce(0) { $0 << 8 | UInt64($1) })
    private var lostWords = "too many are waiting"
    /// As the last line about lost events said.
    private var loggedCount = 0
    private var nextLineAt = Int.min
    private var hasFailed = false
    private var endAt: Int?
    private var isPumping = false

    init(_ webhook: Webhook, context: NodeContext, loop: EventLoop) {
        self.webhook = webhook
        peer = webhook.url.isSecure ? TLSPeer(TLSClientContext(), host: webhook.url.host) : nil
        desk = context.mail.events
        boot = context.boot
        self.loop = loop
        var logger = context.logger
        logger[metadataKey: "webhook"] = "\(webhook)"
        self.logger = logger
        desk.mail.connect(to: loop.wakeHandle)
        if webhook.secret == nil { logger.warning("events are not signed: EVENT_WEBHOOK_SECRET is not set") }
    }

    /// There may be mail.
    func woken() {
        for batch in desk.mail.takeAll() { queue.add(batch, at: loop.now) }
        pump()
    }

    /// At each tick of the loop.
    func ticked() {
        let old = queue.takeOld(at: loop.now)
        if old.events > 0 { lost(old, "they waited for too long") }
        attempt?.ticked()
        pump()
        logLost()
    }

    /// Whether an ending node need not wait for events any more; the wait begins with the first question.
    func hasEnded(at now: Int) -> Bool {
        let endAt = endAt ?? now + Self.endMilliseconds
        self.endAt = endAt
        queue.end()
        woken()
        return queue.isIdle || now >= endAt
    }

    /// Drops what is left.
    func stop() {
        desk.mail.connect(to: nil)
        attempt?.cancel()
        attempt = nil
        let left = desk.waitingCount
        if left > 0 { logger.warning("events are dropped: the node ends", metadata: ["events": "\(left)"]) }
        logger.info(
            "events so far", metadata: ["sent": "\(desk.sentCount)", "lost": "\(desk.droppedCount + left)"])
    }

    private func pump() {
        guard !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        guard let next = queue.next(at: loop.now) else { return }
        if !next.isAgain {
            deliveries += 1
            delivery = "e-\(boot)-\(deliveries)"
        }
        let post = WebhookPost(delivery: delivery, body: next.body)
        let attempt = WebhookAttempt(post, to: webhook, securedWith: peer, loop: loop) { [weak self] in
            self?.ended($0, $1)
        }
        self.attempt = attempt
        attempt.begin()
    }

    private func ended(_ answer: WebhookAnswer, _ words: String) {
        attempt = nil
        switch queue.ended(answer, at: loop.now, random: random.next()) {
        case .sent(let size):
            desk.ended(size, isSent: true)
            if hasFailed { logger.notice("events are taken again") }
            hasFailed = false
        case .again(let wait):
            logger.debug("events failed and are tried again", metadata: ["why": "\(words)", "wait_ms": "\(wait)"])
            if !hasFailed {
                logger.warning(
                    "events can't be sent; they wait, and are tried again",
                    metadata: ["why": "\(words)", "waiting": "\(desk.waitingCount)"])
            }
            hasFailed = true
        case .refused(let size, _), .givenUp(let size): lost(size, words)
        case nil: break
        }
        pump()
    }

    // MARK: The log

    private func lost(_ size: EventQueue.Size, _ words: String) {
        desk.ended(size, isSent: false)
        lostWords = words
        logLost()
    }

    /// At most one line a minute; also about those that the desk had no place for.
    private func logLost() {
        let count = desk.droppedCount
        guard count > loggedCount, loop.now >= nextLineAt else { return }
        logger.warning(
            "events are dropped",
            metadata: [
                "events": "\(count - loggedCount)", "why": "\(lostWords)", "sent": "\(desk.sentCount)",
                "lost": "\(count)", "waiting": "\(desk.waitingCount)",
            ])
        lostWords = "too many are waiting"
        loggedCount = count
        nextLineAt = loop.now + Self.logMilliseconds
    }
}
