/// The memory of connections that say nothing.
enum IdleBenchmarks {
    static let all = [roomsOfTen]

    /// Members of rooms of ten come and stay. One operation is one connection; the bytes are what the worker's thread
    /// holds of the heap for it, with its part of its room and of the worker's tables.
    private static let roomsOfTen = Benchmark(
        name: "idle/rooms-of-ten", operation: "connection that stays", warmUp: 100, counted: 500, counts: .nearly,
        isTimed: false
    ) {
        let worker = try WorkerThread()
        let crowd = Crowd()
        return { operations in
            let before = try worker.meter()
            try crowd.settle(operations, port: worker.port)
            let after = try worker.meter()
            return Benchmark.Work(
                bytes: Int(after.heldBytes - before.heldBytes), allocations: after.allocations - before.allocations)
        }
    }
}
