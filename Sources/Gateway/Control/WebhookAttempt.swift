import ClusterState
import NetworkIO

/// One try of a POST: looks the host up, and asks its addresses in order until one takes the connection.
///
/// Thread: the control loop's.
final class WebhookAttempt {
    /// From the look-up to the answer. Whoever needs longer to take a POST would get the same one again.
    static let timeoutMilliseconds = 10_000

    private enum State {
        case resolving(NameResolver)
        case asking(HTTPClient, others: ArraySlice<SocketAddress>)
        case ended
    }

    private let webhook: Webhook
    private let peer: TLSPeer?
    private let post: WebhookPost
    private let loop: EventLoop
    private let deadline: Int
    private let completion: (WebhookAnswer, String) -> Void
    private var state = State.ended

    /// - Parameters:
    ///   - peer: whom TLS is spoken with; nil: plain TCP.
    ///   - completion: called once, after `begin`: what came of it, and the same for a log.
    init(
        _ post: WebhookPost, to webhook: Webhook, securedWith peer: TLSPeer?, loop: EventLoop,
        completion: @escaping (WebhookAnswer, String) -> Void
    ) {
        self.post = post
        self.webhook = webhook
        self.peer = peer
        self.loop = loop
        self.completion = completion
        deadline = loop.now + Self.timeoutMilliseconds
    }

    /// Begins; it may end before this returns.
    func begin() {
        if let address = try? SocketAddress(numericHost: webhook.url.host, port: webhook.url.port) {
            return ask([address])
        }
        do throws(SystemError) {
            let resolver = try NameResolver(host: webhook.url.host, port: webhook.url.port, loop: loop) {
                [weak self] result in
                switch result {
                case .success(let addresses): self?.ask(addresses[...])
                case .failure(let failure): self?.end(.none, "look-up: \(failure.description)")
                }
            }
            state = .resolving(resolver)
        } catch {
            end(.none, error.description)
        }
    }

    /// To be called at each tick: a look-up has no time of its own.
    func ticked() {
        if case .resolving = state, loop.now >= deadline { end(.none, "look-up: no answer in time") }
    }

    /// Ends it; `completion` is not called any more.
    func cancel() {
        let former = state
        state = .ended
        switch former {
        case .resolving(let resolver): resolver.cancel()
        case .asking(let client, _): client.cancel()
        case .ended: break
        }
    }

    private func ask(_ addresses: ArraySlice<SocketAddress>) {
        var others = addresses
        var refusal = "look-up: no address"
        while let address = others.popFirst() {
            // Signed anew for each connection: the time is part of it.
            let request = WebhookRequest.bytes(post, to: webhook, at: loop.unixNow)
            do throws(SystemError) {
                let client = try HTTPClient(
                    to: address, securedWith: peer, request: request,
                    timeoutMilliseconds: max(deadline - loop.now, 1), loop: loop
                ) { [weak self] in self?.asked($0) }
                state = .asking(client, others: others)
                return
            } catch {
                refusal = error.description
            }
        }
        end(.none, refusal)
    }

    private func asked(_ outcome: HTTPClientEnd) {
        guard case .asking(_, let others) = state else { return }
        switch outcome {
        case .answered(let head):
            end(.status(head.status, retryAfter: WebhookRequest.retryAfter(head)), "status \(head.status)")
        case .unreachable where !others.isEmpty: ask(others)
        case .unreachable(let why), .broken(let why): end(.none, why)
        case .timedOut: end(.none, "no answer in time")
        }
    }

    private func end(_ answer: WebhookAnswer, _ words: String) {
        state = .ended
        completion(answer, words)
    }
}
