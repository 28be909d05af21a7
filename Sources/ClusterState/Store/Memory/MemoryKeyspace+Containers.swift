extension MemoryKeyspace {
    /// HSET and its kin.
    func callHash(_ operation: StoreOperation) throws(StoreFault) -> StoreReply {
        switch operation {
        case .hashSet(let key, let pairs):
            let hash = try findOrMake(key, MemoryHash.self)
            let before = hash.fields.count
            for pair in pairs { hash.fields[pair.field] = pair.value }
            return .integer(hash.fields.count - before)
        case .hashGet(let key, let field):
            return try find(key, MemoryHash.self)?.fields[field].map { .bytes($0) } ?? .null
        case .hashGetSome(let key, let fields):
            let hash = try find(key, MemoryHash.self)
            return .array(fields.map { hash?.fields[$0].map { .bytes($0) } ?? .null })
        case .hashGetAll(let key):
            let hash = try find(key, MemoryHash.self)
            return .array(hash?.fields.flatMap { [.bytes($0.key), .bytes($0.value)] } ?? [])
        case .hashDelete(let key, let fields):
            guard let hash = try find(key, MemoryHash.self) else { return .integer(0) }
            let before = hash.fields.count
            for field in fields { hash.fields[field] = nil }
            removeIfEmpty(key, hash)
            return .integer(before - hash.fields.count)
        default: preconditionFailure("no operation on hashes")
        }
    }

    /// RPUSH and its kin.
    func callList(_ operation: StoreOperation) throws(StoreFault) -> StoreReply {
        switch operation {
        case .listAppend(let key, let values):
            let list = try findOrMake(key, MemoryList.self)
            list.values += values
            return .integer(list.values.count)
        case .listRemoveFirst(let key):
            guard let list = try find(key, MemoryList.self) else { return .null }
            let first = list.values.removeFirst()
            removeIfEmpty(key, list)
            return .bytes(first)
        case .listRange(let key, let start, let stop):
            guard let list = try find(key, MemoryList.self) else { return .array([]) }
            let range = indices(from: start, through: stop, of: list.values.count)
            return .array(list.values.dropFirst(range.lowerBound).prefix(range.count).map { .bytes($0) })
        case .listRemove(let key, let count, let value):
            guard let list = try find(key, MemoryList.self) else { return .integer(0) }
            let removed = list.remove(value, count: count)
            removeIfEmpty(key, list)
            return .integer(removed)
        case .listLength(let key):
            return .integer(try find(key, MemoryList.self)?.values.count ?? 0)
        default: preconditionFailure("no operation on lists")
        }
    }
}

extension MemoryList {
    /// Removes up to |count| of `value`, from the front when `count` is above 0, from the back when below; all at 0.
    fileprivate func remove(_ value: [UInt8], count: Int) -> Int {
        let limit = count == 0 ? UInt.max : count.magnitude
        var places = values.indices.filter { values[$0] == value }
        if UInt(places.count) > limit {
            places = Array(count > 0 ? places.prefix(Int(limit)) : places.suffix(Int(limit)))
        }
        for place in places.reversed() { values.remove(at: place) }
        return places.count
    }
}
