/// The value of XADD: entries in the order of their ids. It stays when it is empty, for the last id's sake.
final class MemoryStream: MemoryValue {
    typealias Entry = (id: StreamID, pairs: [StorePair])

    private(set) var entries: ArraySlice<Entry> = []
    /// The highest id that was ever added.
    private(set) var lastID = StreamID.lowest

    var vanishes: Bool { false }

    /// Adds an entry whose id is above the last one.
    func append(_ id: StreamID, _ pairs: [StorePair]) {
        entries.append((id, pairs))
        lastID = id
    }

    /// Drops the oldest entries above `count`; how many went.
    func trim(to count: Int) -> Int {
        let surplus = max(0, entries.count - count)
        entries.removeFirst(surplus)
        return surplus
    }

    /// The entries from `first` to `last`, both included.
    func range(_ first: StreamID, _ last: StreamID) -> ArraySlice<Entry> {
        let lower = firstPlace { $0 >= first }
        return entries[lower..<max(lower, firstPlace { $0 > last })]
    }

    /// The first place whose id is far enough, by halving.
    private func firstPlace(_ isFarEnough: (StreamID) -> Bool) -> Int {
        var range = entries.startIndex..<entries.endIndex
        while let middle = range.isEmpty ? nil : range.lowerBound + range.count / 2 {
            range = isFarEnough(entries[middle].id) ? range.lowerBound..<middle : (middle + 1)..<range.upperBound
        }
        return range.lowerBound
    }
}

extension MemoryKeyspace {
    /// XADD and its kin.
    func callStream(_ operation: StoreOperation) throws(StoreFault) -> StoreReply {
        switch operation {
        case .streamAppend(let key, let id, let pairs, let lengthMax):
            return try append(key, id, pairs, lengthMax)
        case .streamRange(let key, let first, let last, let limit):
            guard let stream = try find(key, MemoryStream.self) else { return .array([]) }
            return list(stream.range(first, last), limit)
        case .streamReverseRange(let key, let last, let first, let limit):
            guard let stream = try find(key, MemoryStream.self) else { return .array([]) }
            return list(stream.range(first, last).reversed(), limit)
        case .streamTrim(let key, let lengthMax):
            try check(lengthMax)
            return .integer(try find(key, MemoryStream.self)?.trim(to: lengthMax) ?? 0)
        default: preconditionFailure("no operation on streams")
        }
    }

    private func append(
        _ key: [UInt8], _ id: StreamID, _ pairs: [StorePair], _ lengthMax: Int?
    ) throws(StoreFault) -> StoreReply {
        if let lengthMax { try check(lengthMax) }
        if id == .lowest { throw idRefused("must be greater than 0-0") }
        if let lastID = try find(key, MemoryStream.self)?.lastID {
            if lastID == .highest {
                let message = "The stream has exhausted the last possible ID, unable to add more items"
                throw .refused(code: "ERR", message: message)
            }
            if id <= lastID { throw idRefused("is equal or smaller than the target stream top item") }
        }
        let stream = try findOrMake(key, MemoryStream.self)
        stream.append(id, pairs)
        if let lengthMax { _ = stream.trim(to: lengthMax) }
        return .bytes(Array(id.description.utf8))
    }

    private func check(_ lengthMax: Int) throws(StoreFault) {
        if lengthMax < 0 { throw .refused(code: "ERR", message: "The MAXLEN argument must be >= 0.") }
    }

    private func idRefused(_ reason: String) -> StoreFault {
        .refused(code: "ERR", message: "The ID specified in XADD \(reason)")
    }

    /// Without any entry wanted Redis answers null.
    private func list(_ entries: some Collection<MemoryStream.Entry>, _ limit: Int?) -> StoreReply {
        if let limit, limit <= 0 { return .null }
        return .array(
            entries.prefix(limit ?? .max).map { entry in
                let words = entry.pairs.flatMap { [StoreReply.bytes($0.field), .bytes($0.value)] }
                return .array([.bytes(Array(entry.id.description.utf8)), .array(words)])
            })
    }
}
