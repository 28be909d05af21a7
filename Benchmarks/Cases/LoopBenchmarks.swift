import Core
import NetworkIO

/// The parts of a worker's loop: deadlines, and messages from other threads.
enum LoopBenchmarks {
    static let all = [reschedule, fire, mailboxAlone, mailboxBetweenThreads]

    private static let ids: UInt32 = 100_000

    /// A sign of life: the connection's deadline moves on.
    private static let reschedule = Benchmark(
        name: "timer-wheel/reschedule", operation: "deadline; 100,000 ids", warmUp: Int(ids), counted: Int(ids)
    ) {
        var wheel = TimerWheel()
        var next: UInt32 = 0
        return { operations in
            for _ in 0..<operations {
                // A step that is prime to the number of ids: neighbours in memory are not neighbours in time.
                next = (next &+ 7919) % ids
                wheel.schedule(next, at: 30_000 + Int(next & 0x3FF) * 60)
            }
            return Benchmark.Work()
        }
    }

    private static let fire = Benchmark(
        name: "timer-wheel/fire", operation: "deadline that comes; 100,000 ids", warmUp: Int(ids), counted: Int(ids)
    ) {
        var wheel = TimerWheel()
        for id in 0..<ids { wheel.schedule(id, at: Int(id) * 30_000 / Int(ids)) }
        var now = 0
        return { operations in
            var fired = 0
            while fired < operations {
                now += wheel.tickMilliseconds
                while let id = wheel.popDue(at: now) {
                    wheel.schedule(id, at: now + 30_000)
                    fired += 1
                }
            }
            return Benchmark.Work()
        }
    }

    private static let parcelSize = 64

    private static let mailboxAlone = Benchmark(
        name: "mailbox/one-thread", operation: "message, 64 at a time", warmUp: 6400, counted: 64_000
    ) {
        let mailbox = Mailbox<Int>()
        let parcel = ContiguousArray(0..<parcelSize)
        return { operations in
            var taken = 0
            while taken < operations {
                mailbox.post(parcel)
                taken += mailbox.takeAll().count
            }
            return Benchmark.Work()
        }
    }

    /// How often the taker finds what differs from run to run, and with it what is allocated.
    private static let mailboxBetweenThreads = Benchmark(
        name: "mailbox/two-threads", operation: "message, 64 at a time, by the clock", warmUp: 64_000,
        counted: 640_000,
        counts: .none
    ) {
        { operations in
            let start = Measuring.now()
            let mailbox = Mailbox<Int>()
            let parcels = (operations + parcelSize - 1) / parcelSize
            let sender = try Thread(name: "sender") {
                for _ in 0..<parcels { mailbox.post(ContiguousArray(0..<parcelSize)) }
            }
            var taken = 0
            while taken < parcels * parcelSize { taken += mailbox.takeAll().count }
            sender.join()
            return Benchmark.Work(nanoseconds: Measuring.now() - start)
        }
    }
}
