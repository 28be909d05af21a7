import WireProtocol

/// The publishing requests over HTTP that wait for their message's place. Thread: the worker's.
final class Publications {
    private let core: WorkerCore
    private var waiting: [UInt64: Responder] = [:]
    private var last: UInt64 = 0

    init(_ core: WorkerCore) { self.core = core }

    /// A number under which a request is answered later.
    func open(for responder: Responder) -> UInt64 {
        last += 1
        waiting[last] = responder
        return last
    }

    /// Answers a request, unless it was answered before.
    func answer(_ number: UInt64, _ response: HTTPResponse) {
        waiting.removeValue(forKey: number)?.answer(response, by: core)
    }
}
