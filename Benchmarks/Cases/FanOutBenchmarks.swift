import WireProtocol

/// A room's batch to all its members, through a real worker, its rooms and real sockets.
enum FanOutBenchmarks {
    static let all = [
        fanOut(members: 1000, burst: 1), fanOut(members: 1000, burst: 32),
        fanOut(members: 50, compressed: 25, burst: 1), fanOut(members: 50, compressed: 25, burst: 32),
        fanOut(members: 50, compressed: 50, burst: 1), fanOut(members: 50, compressed: 50, burst: 32),
    ]

    /// One operation is one message to all members; what is measured is the worker's own CPU time, system calls
    /// included, and the bytes that all members got.
    private static func fanOut(members: Int, compressed: Int = 0, burst: Int) -> Benchmark {
        let form = compressed == 0 ? "" : compressed == members ? "-compressed" : "-\(compressed)-compressed"
        return Benchmark(
            name: "fan-out/\(members)-members\(form)-\(burst == 1 ? "one-by-one" : "bursts-of-\(burst)")",
            operation: "message to \(members) members (CPU time)", warmUp: 256, counted: 64,
            counts: .nearly
        ) {
            let worker = try WorkerThread()
            let crowd = try Crowd(port: worker.port, members: members, compressed: compressed)
            return { operations in
                let before = try worker.meter()
                var work = Benchmark.Work()
                for _ in 0..<(operations / burst) { work.bytes += try crowd.say(burst) }
                let after = try worker.meter()
                work.nanoseconds = after.nanoseconds - before.nanoseconds
                work.allocations = after.allocations - before.allocations
                return work
            }
        }
    }
}
