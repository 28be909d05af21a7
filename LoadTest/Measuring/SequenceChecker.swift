/// Checks one connection's seqs in one room: they have to rise by one (protocol, "One order" and "Once").
///
/// Eight bytes per connection while all is well; holes are kept elsewhere, in `MissingSeqs`, for as long as they may be
/// filled late.
struct SequenceChecker: Sendable {
    /// The newest seq that was seen, or that the server named as the start.
    private(set) var last: UInt64 = 0

    enum Finding: Equatable {
        case inOrder
        /// So many seqs before this one did not come (yet).
        case hole(ClosedRange<UInt64>)
        /// Not above the newest one: a repetition, or late.
        case old
    }

    /// The server said where the stream goes on: behind `seq`.
    mutating func start(behind seq: UInt64) { last = seq }

    /// A message or an ack came.
    @inline(__always)
    mutating func saw(_ seq: UInt64) -> Finding {
        if seq == last &+ 1 {
            last = seq
            return .inOrder
        }
        guard seq > last else { return .old }
        let hole = (last + 1)...(seq - 1)
        last = seq
        return .hole(hole)
    }
}

/// The holes in the streams of all connections of a process. Empty while nothing is wrong.
///
/// Bound: `rangesMax` ranges; holes beyond are counted as lost for good.
struct MissingSeqs: Sendable {
    private let rangesMax: Int
    private var ranges: [UInt32: [ClosedRange<UInt64>]] = [:]
    private var rangeCount = 0
    /// Seqs that are missing and no longer fitted.
    private var uncounted = 0

    init(rangesMax: Int = 100_000) { self.rangesMax = rangesMax }

    mutating func add(_ hole: ClosedRange<UInt64>, of connection: UInt32) {
        guard rangeCount < rangesMax else {
            uncounted += hole.count
            return
        }
        ranges[connection, default: []].append(hole)
        rangeCount += 1
    }

    /// Takes a seq that came late out of the connection's holes; false when it was not missing.
    mutating func fill(_ seq: UInt64, of connection: UInt32) -> Bool {
        guard var holes = ranges[connection], let index = holes.firstIndex(where: { $0.contains(seq) }) else {
            return false
        }
        let hole = holes.remove(at: index)
        if hole.lowerBound < seq { holes.append(hole.lowerBound...(seq - 1)) }
        if seq < hole.upperBound { holes.append((seq + 1)...hole.upperBound) }
        rangeCount += holes.count - (ranges[connection]?.count ?? 0)
        ranges[connection] = holes.isEmpty ? nil : holes
        return true
    }

    /// Seqs that are missing now.
    var count: Int { ranges.values.reduce(uncounted) { $0 + $1.reduce(0) { $0 + $1.count } } }
}
