import Core

/// How long the deliveries of each room took a worker: handing them to members, and of the writes that followed the
/// part that is theirs. A value; times are nanoseconds.
///
/// A write carries what several rooms said to its member, so writes are measured together, and each room bears them by
/// the messages that it handed over since the last ones.
struct RoomWork: Sendable {
    private(set) var work: [Identifier: Int] = [:]
    private var handed: [Identifier: Int] = [:]
    private var handedCount = 0

    var total: Int { work.values.reduce(0, +) }

    mutating func delivered(_ count: Int, _ nanoseconds: Int, in room: Identifier) {
        guard work[room] != nil || work.count < SourceLedger.entriesMax else { return }
        work[room, default: 0] += nanoseconds
        handed[room, default: 0] += count
        handedCount += count
    }

    mutating func wrote(nanoseconds: Int) {
        guard handedCount > 0 else { return }
        for (room, count) in handed {
            work[room, default: 0] += Int(Double(nanoseconds) * Double(count) / Double(handedCount))
        }
        handed.removeAll(keepingCapacity: true)
        handedCount = 0
    }

    /// Half of it counts from now on, and what is less than `least` not at all.
    mutating func fade(least: Int) {
        work = work.compactMapValues { $0 / 2 >= least ? $0 / 2 : nil }
    }
}
