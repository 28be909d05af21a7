import Core
import Rooms
import WireProtocol

/// A room's work for each message: know its id, and keep it.
enum RoomBenchmarks {
    static let all = [dedupe, log]

    /// Looks for a new id, remembers it, and forgets one that is as old as the window: as a busy room does.
    private static let dedupe = Benchmark(
        name: "dedupe/new-id", operation: "find, insert, expire; 10,000 known", warmUp: 2_000_000, counted: 100_000
    ) {
        let ids = KnownIDs(countMax: 1_000_000)
        let user = Identifier(unchecked: "a user with a long name")
        var number = 0
        return { operations in
            for _ in 0..<operations {
                number += 1
                withUnsafeBytes(of: (0x6469_2d65_6761_7373, number)) { id in
                    guard ids.find(1, user, id, newestSeq: UInt64(number)) == nil else { return }
                    ids.insert(1, user, id, seq: UInt64(number), time: number, at: number)
                }
                if number % 80 == 0 { ids.expire(before: number - 10_000) }
            }
            return Benchmark.Work()
        }
    }

    private static let log = Benchmark(
        name: "memory-log/append-and-trim", operation: "entry of 250 bytes; 1,000 kept", warmUp: 10_000,
        counted: 100_000
    ) {
        let log = MemoryLog(epoch: "e", capacity: 1000)
        let payload = [UInt8](repeating: UInt8(ascii: "x"), count: 250)
        var time = 0
        return { operations in
            var work = Benchmark.Work()
            payload.withUnsafeBytes { bytes in
                for _ in 0..<operations {
                    time += 1
                    work.bytes += log.append(bytes, audience: nil, at: time).length
                }
            }
            return work
        }
    }
}
