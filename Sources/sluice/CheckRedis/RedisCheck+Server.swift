import ClusterState
import NetworkIO
import RedisLink

// The server itself: its part, its memory, and the rights that it gives.
extension RedisCheck {
    /// Which part it has: a node can only write to a master.
    func askRole() {
        connection?.send(
            [Array("INFO".utf8), Array("replication".utf8)],
            .closure { [unowned self] outcome in
                guard case .reply(let reply) = outcome, !isOver else { return }
                let facts = InfoLines(reply.text)
                switch facts["role"] {
                case "master": passed("master, \(facts["connected_slaves"] ?? "0") replicas")
                case "slave":
                    let master = "\(facts["master_host"] ?? "?"):\(facts["master_port"] ?? "?")"
                    let kind = facts["slave_read_only"] == "0" ? "replica" : "read-only replica"
                    let refusal = StoreRefusal(code: "READONLY", message: "")
                    return failed("it is a \(kind) of \(master); \(refusal.advice)")
                default: skipped(reply.error.map { "\($0.code) \($0.message)" } ?? "it does not say")
                }
                askMemory()
            })
    }

    /// A full memory must not cost keys.
    private func askMemory() {
        connection?.send(
            [Array("INFO".utf8), Array("memory".utf8)],
            .closure { [unowned self] outcome in
                guard case .reply(let reply) = outcome, !isOver else { return }
                let facts = InfoLines(reply.text)
                let bound = facts["maxmemory"].flatMap { Int($0) } ?? 0
                let limit = bound == 0 ? "without maxmemory" : "maxmemory \(bound) bytes"
                switch facts["maxmemory_policy"] {
                case "noeviction": passed("noeviction, \(limit)")
                case let policy?:
                    warned(
                        "\(policy), \(limit): Redis may take keys away, so messages can be lost, and locks are refused; "
                            + "set maxmemory-policy noeviction")
                case nil: skipped(reply.error.map { "\($0.code) \($0.message)" } ?? "it does not say")
                }
                write()
            })
    }

    // MARK: Writing

    /// Each command that a node uses, on keys of this check's own; names all that are refused for want of a right.
    private func write() {
        let operations = Self.operations(on: key)
        var missing: [String] = []
        var fault: StoreRefusal?
        for (index, operation) in operations.enumerated() {
            let words = operation.words
            connection?.send(
                words,
                .closure { [unowned self] outcome in
                    guard case .reply(let reply) = outcome, !isOver else { return }
                    if let error = reply.error {
                        let refusal = StoreRefusal(code: error.code, message: error.message)
                        fault = fault ?? refusal
                        if refusal.kind == .noRight { missing.append(String(decoding: words[0], as: UTF8.self)) }
                    }
                    if index == operations.count - 1 { written(missing, fault, reply) }
                })
        }
    }

    private func written(_ missing: [String], _ fault: StoreRefusal?, _ last: RedisReply) {
        if !missing.isEmpty, let fault {
            let rights = missing.map { "+\($0.lowercased())" }.joined(separator: " ")
            return failed("\(fault.text); allow the user of REDIS_URL \(rights) for ~sluice:* and &sluice:*")
        }
        if let fault { return failed("\(fault.text); \(fault.advice)") }
        guard let count = last.integer, count > 0 else { return failed("what was written is not there") }
        passed(elapsed)
        evaluate()
    }

    /// Ends with what takes the keys away again.
    private static func operations(on key: [UInt8]) -> [StoreOperation] {
        func own(_ name: String) -> [UInt8] { key + Array(name.utf8) }
        let (text, hash, list, sorted, stream) = (own("s"), own("h"), own("l"), own("z"), own("x"))
        let one = [UInt8(ascii: "1")]
        let all = [text, hash, list, sorted, stream]
        var operations: [StoreOperation] = [
            .set(key: text, value: one, expiry: keptMilliseconds), .get(key: text),
            .hashSet(key: hash, pairs: [StorePair(one, one), StorePair(text, one)]), .hashGet(key: hash, field: one),
            .hashGetSome(key: hash, fields: [one]), .hashGetAll(key: hash), .hashDelete(key: hash, fields: [text]),
            .listAppend(key: list, values: [one, one, one]), .listRange(key: list, start: 0, stop: -1),
            .listRemove(key: list, count: 1, value: one), .listRemoveFirst(key: list), .listLength(key: list),
            .sortedSetAdd(key: sorted, entries: [StoreEntry(one, score: 0), StoreEntry(text, score: 0)]),
            .sortedSetRange(key: sorted, start: 0, stop: 0), .sortedSetScore(key: sorted, member: one),
            .sortedSetRemove(key: sorted, members: [text]), .sortedSetCount(key: sorted),
            .streamAppend(key: stream, id: StreamID(1), pairs: [StorePair(one, one)]),
            .streamRange(key: stream, first: .lowest, last: .highest),
            .streamReverseRange(key: stream, last: .highest, first: .lowest), .streamTrim(key: stream, lengthMax: 1),
            .timeToLive(key: text), .exists(keys: all),
            .scan(cursor: Array("0".utf8), prefix: key, suffix: [], count: 1), .time, .serverInfo,
        ]
        operations += all.map { .expire(key: $0, milliseconds: keptMilliseconds) }
        return operations + [.delete(keys: all)]
    }
}

/// The lines `name:value` of INFO's answer.
private struct InfoLines {
    private let text: String

    init(_ text: String) { self.text = text }

    subscript(name: String) -> String? {
        for line in text.split(whereSeparator: \.isNewline) where line.hasPrefix(name + ":") {
            return String(line.dropFirst(name.utf8.count + 1))
        }
        return nil
    }
}
