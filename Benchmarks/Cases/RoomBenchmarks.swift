import Core
import Rooms
import WireProtocol

/// A room's work for each message: know its id, and keep it.
enum RoomBenchmarks {
    static let all = [dedupe, log]

    /// Looks for a new id, remembers it, and forgets one that is as old as the window: as a busy room does.
    private static let dedupe = Benchmark(
        name: "dedupe/new-id", operation: "find, insert, expire; 10,000 known", warmUp: 40_000, counted: 100_000
    ) {
        let table = DedupeTable()
        let user = Identifier(unchecked: "a user with a long name")
        let epoch = "an epoch that is longer than fifteen bytes"
        var number = 0
        return { operations in
            for _ in 0..<operations {
                number += 1
                withUnsafeBytes(of: (0x6469_2d65_6761_7373, number)) { id in
                    guard table.find(user, id) == nil else { return }
                    let position = Position(epoch: epoch, seq: UInt64(number))
                    table.insert(user, id, Committed(position: position, time: number), at: number)
                }
                table.expire(before: number - 10_000)
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
