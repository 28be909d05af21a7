/// The value of ZADD: members ordered by score, then by bytes.
final class MemorySortedSet: MemoryValue {
    private(set) var ordered: [StoreEntry] = []
    private var scores: [[UInt8]: Int] = [:]

    var vanishes: Bool { ordered.isEmpty }

    /// The member's score, nil when it is not there.
    func score(of member: [UInt8]) -> Int? {
        scores[member]
    }

    /// Puts `entry` in, in the place of the member's old score; whether it is new.
    func insert(_ entry: StoreEntry) -> Bool {
        let isNew = !remove(entry.member)
        scores[entry.member] = entry.score
        ordered.insert(entry, at: place(of: entry))
        return isNew
    }

    /// Takes `member` out; whether it was there.
    func remove(_ member: [UInt8]) -> Bool {
        guard let score = scores.removeValue(forKey: member) else { return false }
        ordered.remove(at: place(of: StoreEntry(member, score: score)))
        return true
    }

    private func place(of entry: StoreEntry) -> Int {
        firstPlace {
            $0.score == entry.score ? !$0.member.lexicographicallyPrecedes(entry.member) : $0.score > entry.score
        }
    }

    /// The first place whose entry is far enough, by halving.
    private func firstPlace(_ isFarEnough: (StoreEntry) -> Bool) -> Int {
        var range = 0..<ordered.count
        while let middle = range.isEmpty ? nil : range.lowerBound + range.count / 2 {
            range = isFarEnough(ordered[middle]) ? range.lowerBound..<middle : (middle + 1)..<range.upperBound
        }
        return range.lowerBound
    }
}

extension MemoryKeyspace {
    /// ZADD and its kin.
    func callSortedSet(_ operation: StoreOperation) throws(StoreFault) -> StoreReply {
        switch operation {
        case .sortedSetAdd(let key, let entries):
            let set = try findOrMake(key, MemorySortedSet.self)
            return .integer(entries.reduce(0) { $0 + (set.insert($1) ? 1 : 0) })
        case .sortedSetRemove(let key, let members):
            guard let set = try find(key, MemorySortedSet.self) else { return .integer(0) }
            let removed = members.reduce(0) { $0 + (set.remove($1) ? 1 : 0) }
            removeIfEmpty(key, set)
            return .integer(removed)
        case .sortedSetRange(let key, let start, let stop, let withScores):
            guard let set = try find(key, MemorySortedSet.self) else { return .array([]) }
            let places = indices(from: start, through: stop, of: set.ordered.count)
            return list(set.ordered[places], withScores)
        case .sortedSetRangeByMember(let key, let after, let limit):
            guard let set = try find(key, MemorySortedSet.self) else { return .array([]) }
            let found = set.ordered.drop { entry in
                after.map { !$0.lexicographicallyPrecedes(entry.member) } ?? false
            }
            return list(limit < 0 ? found : found.prefix(limit), false)
        case .sortedSetScore(let key, let member):
            return try find(key, MemorySortedSet.self)?.score(of: member).map { .bytes(decimal($0)) } ?? .null
        case .sortedSetCount(let key):
            return .integer(try find(key, MemorySortedSet.self)?.ordered.count ?? 0)
        default: preconditionFailure("no operation on sorted sets")
        }
    }

    private func list(_ entries: ArraySlice<StoreEntry>, _ withScores: Bool) -> StoreReply {
        .array(entries.flatMap { withScores ? [.bytes($0.member), .bytes(decimal($0.score))] : [.bytes($0.member)] })
    }
}
