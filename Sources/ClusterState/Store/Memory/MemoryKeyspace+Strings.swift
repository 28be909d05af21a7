extension MemoryKeyspace {
    /// GET and SET.
    func callString(_ operation: StoreOperation) throws(StoreFault) -> StoreReply {
        switch operation {
        case .get(let key):
            return try find(key, MemoryString.self).map { .bytes($0.bytes) } ?? .null
        case .set(let key, let value, let milliseconds, let onlyIfAbsent):
            let expiry = milliseconds.flatMap { $0 > 0 ? self.expiry(in: $0) : nil }
            if milliseconds != nil && expiry == nil { throw invalidExpiry(of: "set") }
            if onlyIfAbsent && contains(key) { return .null }
            let string = MemoryString()
            string.bytes = value
            replace(key, string, expiry: expiry)
            return .status("OK")
        default: preconditionFailure("no operation on strings")
        }
    }

    /// DEL, EXISTS, SCAN, PEXPIRE, PTTL.
    func callKey(_ operation: StoreOperation) throws(StoreFault) -> StoreReply {
        switch operation {
        case .delete(let keys): return .integer(keys.reduce(0) { $0 + (remove($1) ? 1 : 0) })
        case .exists(let keys): return .integer(keys.reduce(0) { $0 + (contains($1) ? 1 : 0) })
        case .scan(_, let prefix, let suffix, _):
            // All of it is the first part.
            let found = liveKeys.filter { key in
                key.count >= prefix.count + suffix.count && key.starts(with: prefix)
                    && key.reversed().starts(with: suffix.reversed())
            }
            return .array([.bytes(Array("0".utf8)), .array(found.map { .bytes($0) })])
        case .expire(let key, let milliseconds):
            guard let expiry = self.expiry(in: milliseconds) else { throw invalidExpiry(of: "pexpire") }
            guard contains(key) else { return .integer(0) }
            if isPast(expiry) { return .integer(remove(key) ? 1 : 0) }
            setExpiry(of: key, to: expiry)
            return .integer(1)
        case .timeToLive(let key):
            guard contains(key) else { return .integer(-2) }
            return .integer(expiry(of: key).map(millisecondsLeft) ?? -1)
        default: preconditionFailure("no operation on keys")
        }
    }

    private func invalidExpiry(of command: String) -> StoreFault {
        .refused(code: "ERR", message: "invalid expire time in '\(command)' command")
    }
}
