import ControlPlane
import NetworkIO
import WireProtocol

// What becomes of HTTP requests under load.
extension Connection {
    /// How long who gets a 503 should wait with the next try: the least time that a node stays at the heavy tier.
    private static let retrySeconds = 10

    /// Answers a request instead of its handler, when the tier asks for that.
    func isShed(_ route: Route, _ call: HTTPCall, _ exchange: HTTPExchange) -> Bool {
        let age: Int
        switch worker.load.policy.http {
        case .all: return false
        case .essential where route.importance == .essential: return false
        case .essential:
            worker.counters.shed(.http)
            answer(.unavailable("the node is under heavy load", retrySeconds: Self.retrySeconds))
            return true
        case .cachedLists(let milliseconds):
            guard route.importance == .list else { return false }
            age = milliseconds
        case .cachedReads(let milliseconds):
            guard route.importance == .list || route.importance == .page else { return false }
            age = milliseconds
        }
        let target = call.request.target
        guard let copy = worker.load.answers.find(target, ageMax: age, at: loop.now) else {
            exchange.keptTarget = target
            return false
        }
        worker.counters.shed(.http)
        answer(copy)
        return true
    }

    /// Keeps an answer for others, when the tier lets them have it.
    func keep(_ response: HTTPResponse, _ exchange: HTTPExchange) {
        guard let target = exchange.keptTarget, response.status == 200 else { return }
        worker.load.answers.keep(response, for: target, at: loop.now)
    }
}
