import Foundations

/// An answer that needs something from every worker.
final class Gather {
    private var missing: Int
    private var parts: [any Sendable]
    private let finish: ([any Sendable]) -> Void

    init(count: Int, finish: @escaping ([any Sendable]) -> Void) {
        missing = count
        parts = Array(repeating: 0, count: count)
        self.finish = finish
    }

    /// A worker's part came; true when it was the last.
    func received(_ part: any Sendable, from worker: Int) -> Bool {
        parts[worker] = part
        missing -= 1
        assert(missing >= 0, "a worker answered twice")
        if missing == 0 { finish(parts) }
        return missing == 0
    }
}

extension Worker {
    /// Asks every worker and hands all answers, by worker, to `finish` on this thread.
    func gather<Part: Sendable>(
        _ ask: @escaping @Sendable (Worker) -> Part, finish: @escaping ([Part]) -> Void
    ) {
        nextGather += 1
        let (id, origin) = (nextGather, index)
        gathers[id] = Gather(count: context.workerCount) { parts in finish(parts.compactMap { $0 as? Part }) }
        for worker in 0..<context.workerCount {
            post(to: worker) { asked in
                let part = ask(asked)
                let from = asked.index
                asked.post(to: origin) { $0.gathered(part, for: id, from: from) }
            }
        }
    }

    private func gathered(_ part: any Sendable, for id: Int, from worker: Int) {
        if gathers[id]?.received(part, from: worker) == true { gathers[id] = nil }
    }
}
