import Foundations
import WireProtocol

/// The publishing requests over HTTP that wait for their message's place. Thread: the worker's.
final class Publications {
    private let core: WorkerCore
    private var waiting: [UInt64: (worker: Int, key: UInt64)] = [:]
    private var last: UInt64 = 0

    init(_ core: WorkerCore) { self.core = core }

    /// A number under which a request is answered later.
    /// - Parameters:
    ///   - key: of the request's connection.
    ///   - worker: of that connection.
    func open(for key: UInt64, of worker: Int) -> UInt64 {
        last += 1
        waiting[last] = (worker, key)
        return last
    }

    /// Answers a request, unless it was answered before.
    func answer(_ number: UInt64, _ response: HTTPResponse) {
        guard let asked = waiting.removeValue(forKey: number) else { return }
        core.send(.run { $0.answer(response, to: asked.key) }, to: asked.worker)
    }
}
