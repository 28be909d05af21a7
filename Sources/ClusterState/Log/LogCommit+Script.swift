import Core

extension LogCommit {
    /// The script `commit.lua`, and the same in Swift.
    package static let script = StoreScript(name: "commit", lua: PackageResources.commit_lua) {
        operations, keys, arguments throws(StoreFault) in
        var twin = try Twin(operations, keys, arguments)
        return try twin.run()
    }

    /// The Lua script in Swift, step by step.
    private struct Twin {
        private let operations: any StoreOperations
        private let keys: [[UInt8]]
        private let arguments: [[UInt8]]
        private var epoch: [UInt8]
        private var seq: Int
        /// The first of the newest messages, when they are not stored.
        private var unstored: [UInt8]?
        private var lineage: [UInt8]
        /// The ids that this commit wrote, each with its value before.
        private var written: [(key: [UInt8], former: [UInt8]?)] = []
        /// By the index of the message's key: the link that brought it.
        private var brought: [Int: [UInt8]] = [:]
        /// By the same index those that are refused, and whether they are for the first time.
        private var refused: [Int: Bool] = [:]

        init(
            _ operations: any StoreOperations, _ keys: [[UInt8]], _ arguments: [[UInt8]]
        ) throws(StoreFault) {
            self.operations = operations
            self.keys = keys
            self.arguments = arguments
            let names = ["epoch", "seq", "unstored", "lineage"].map { Array($0.utf8) }
            guard case .array(let place) = try operations.call(.hashGetSome(key: keys[0], fields: names)) else {
                preconditionFailure("HMGET answers with an array")
            }
            let newest = LogCommit.number(arguments[2])
            let stored = place[1] == .null ? 0 : Stored.number(place[1])
            seq = stored ?? 0
            lineage = if case .bytes(let text) = place[3] { text } else { [] }
            let isForked = newest > seq || arguments[9] == [UInt8(ascii: "1")]
            if case .bytes(let known) = place[0], stored != nil, known != arguments[1] || !isForked {
                epoch = known
                if case .bytes(let first) = place[2] { unstored = first }
                return
            }
            let former: [UInt8]
            if case .bytes(let known) = place[0], stored != nil {
                former = known
            } else {
                (former, lineage) = (arguments[1], arguments[8])
                seq = try Self.lastSeq(operations, keys[1])
            }
            seq = max(seq, newest)
            epoch = arguments[3]
            if !former.isEmpty {
                lineage = Self.lineage(lineage, former, seq)
                let name = EpochName.text(String(decoding: epoch, as: UTF8.self), after: Lineage(text: lineage))
                epoch = Array(name.utf8)
            }
            try set(["epoch": epoch, "seq": LogCommit.digits(seq), "lineage": lineage])
            try setUnstored()
            guard !former.isEmpty else { return }
            let payload = [LogCommit.mark + epoch, arguments[3], LogCommit.digits(seq + 1)].joined(separator: [0x0A])
            _ = try operations.call(.publish(channel: arguments[0], payload: Array(payload)))
        }

        private static func lineage(_ lineage: [UInt8], _ former: [UInt8], _ seq: Int) -> [UInt8] {
            let words = (lineage + [0x20] + former + [0x20] + LogCommit.digits(seq)).split(separator: 0x20)
            return Array(words.suffix(2 * Lineage.countMax).joined(separator: [0x20]))
        }

        /// The seq of the newest entry that has no place. A stream without entries goes, as it remembers its last id.
        private static func lastSeq(
            _ operations: any StoreOperations, _ key: [UInt8]
        ) throws(StoreFault) -> Int {
            let last = try operations.call(
                .streamReverseRange(key: key, last: .highest, first: .lowest, limit: 1))
            if let entry = LogCommit.entries(last)?.first { return Int(entry.seq) }
            _ = try operations.call(.delete(keys: [key]))
            return 0
        }

        /// Whether the caller's history was deleted.
        private var isDeleted: Bool {
            get throws(StoreFault) {
                guard !arguments[1].isEmpty, epoch != arguments[1] else { return false }
                let deleted = try operations.call(.hashGet(key: keys[0], field: Array("deleted".utf8)))
                return DeletedHistories.names(String(decoding: arguments[1], as: UTF8.self), in: deleted)
            }
        }

        mutating func run() throws(StoreFault) -> StoreReply {
            if try isDeleted { return .array([.bytes(epoch), .integer(seq), .integer(0), .bytes(lineage)]) }
            let next = seq + 1
            try lookAtLinks()
            var results: [StoreReply] = []
            var published = [LogCommit.mark + epoch, arguments[3], LogCommit.digits(next)]
            for index in messageKeys {
                guard refused[index] == nil else {
                    results.append(.integer(0))
                    continue
                }
                let (time, body) = (arguments[3 * index + 4], arguments[3 * index + 5])
                let isKept = arguments[3 * index + 6] == LogCommit.keptSign
                var was = isKept || brought[index] != nil ? [] : arguments[3 * index + 6]
                var known: [UInt8]? =
                    if case .bytes(let known) = try operations.call(.get(key: keys[index])) { known } else { nil }
                if known == [LogCommit.fenceSign] { known = nil }
                let lost = was.isEmpty ? known.flatMap { lostPlace($0, isKept: isKept) } : nil
                was = lost ?? was
                if let known, was.isEmpty || known.prefix(while: { $0 != 0x20 }).elementsEqual(epoch) {
                    results.append(.bytes(known))
                    continue
                }
                written.append((keys[index], known))
                seq += 1
                let isStored = seq % LogCommit.number(arguments[7]) == 0
                let sign = isStored ? [] : [LogCommit.unstoredMark]
                let value = epoch + [0x20] + LogCommit.digits(seq) + [0x20] + time + (isStored ? [] : [0x20] + sign)
                _ = try operations.call(.set(key: keys[index], value: value, expiry: LogCommit.number(arguments[4])))
                if !isStored {
                    unstored = unstored ?? LogCommit.digits(seq)
                } else if let refusal = try append(body, was) {
                    try takeBack(refusal, before: next)
                }
                let result = StoreReply.integer(isStored ? seq : -seq)
                results.append(lost.map { .array([result, .bytes($0)]) } ?? result)
                published += [sign + LogCommit.digits(body.count) + (was.isEmpty ? [] : [0x20] + was), body]
            }
            if seq >= next {
                try set(["seq": LogCommit.digits(seq)])
                try setUnstored()
                _ = try operations.call(.streamTrim(key: keys[1], lengthMax: LogCommit.number(arguments[5])))
                _ = try operations.call(
                    .publish(channel: arguments[0], payload: Array(published.joined(separator: [0x0A]))))
            }
            for (index, isFirst) in refused where isFirst { try refuse(index) }
            for key in keys.prefix(2) {
                _ = try operations.call(.expire(key: key, milliseconds: LogCommit.number(arguments[6])))
            }
            let first = unstored.map(LogCommit.number) ?? 0
            return .array([.bytes(epoch), .integer(seq), .integer(first), .bytes(lineage)] + results)
        }

        private var messageKeys: Range<Int> { 2..<2 + (arguments.count - 10) / 3 }

        private mutating func lookAtLinks() throws(StoreFault) {
            guard keys.count > messageKeys.upperBound else { return }
            for index in messageKeys {
                let words = arguments[3 * index + 6]
                    .split(separator: 0x20, maxSplits: 1, omittingEmptySubsequences: false)
                guard words.count == 2, words[0].first == LogCommit.fenceSign,
                    let token = Stored.number(words[0].dropFirst())
                else { continue }
                brought[index] = Array(words[1])
                let found = try operations.call(.hashGet(key: keys[keys.count - 2], field: Array(words[1])))
                guard case .bytes(let text) = found, let owner = LinkOwner(text), owner.token > token else { continue }
                let known = try operations.call(.get(key: keys[index]))
                if known == .null || known == .bytes([LogCommit.fenceSign]) { refused[index] = known == .null }
            }
        }

        private func refuse(_ index: Int) throws(StoreFault) {
            let (sign, link) = ([LogCommit.fenceSign], brought[index] ?? [])
            _ = try operations.call(.set(key: keys[index], value: sign, expiry: LogCommit.number(arguments[4])))
            let known = Stored.number(try operations.call(.hashGet(key: keys[keys.count - 1], field: link))) ?? 0
            let count = known < Stored.numberMax ? known + 1 : 1
            _ = try operations.call(
                .hashSet(key: keys[keys.count - 1], pairs: [StorePair(link, LogCommit.digits(count))]))
        }

        /// The place in a former epoch by which an id is known, when what stood there is lost.
        private func lostPlace(_ known: [UInt8], isKept: Bool) -> [UInt8]? {
            let words = known.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
            guard words.count == 3, !words[0].elementsEqual(epoch) else { return nil }
            let fork = Lineage(text: lineage).fork(of: String(decoding: words[0], as: UTF8.self))
            let isLost = fork.map { LogCommit.number(Array(words[1])) > Int($0) } ?? isKept
            return isLost ? Array(words[0] + [0x20] + words[1]) : nil
        }

        /// Returns the fault when the store refuses the entry.
        private mutating func append(_ body: [UInt8], _ was: [UInt8]) throws(StoreFault) -> StoreFault? {
            var pairs = [StorePair(Array("m".utf8), body), StorePair(Array("by".utf8), arguments[3])]
            if let unstored { pairs.append(StorePair(Array("unstored".utf8), unstored)) }
            if !was.isEmpty { pairs.append(StorePair(Array("was".utf8), was)) }
            unstored = nil
            do throws(StoreFault) {
                _ = try operations.call(.streamAppend(key: keys[1], id: StreamID(UInt64(seq)), pairs: pairs))
            } catch {
                return error
            }
            return nil
        }

        /// The ids go, after an entry was refused, which only the first one of a commit can be.
        /// - Parameter refusal: is thrown, unless it says that the place is behind the entries, which then is mended.
        private func takeBack(_ refusal: StoreFault, before next: Int) throws(StoreFault) -> Never {
            for (key, former) in written {
                guard let former else {
                    _ = try operations.call(.delete(keys: [key]))
                    continue
                }
                _ = try operations.call(.set(key: key, value: former, expiry: LogCommit.number(arguments[4])))
            }
            guard case .refused(_, let message) = refusal, message.contains("equal or smaller") else { throw refusal }
            let last = max(next - 1, try Self.lastSeq(operations, keys[1]))
            try set(["seq": LogCommit.digits(last)])
            throw .away(StoreRefusal(code: "TRYAGAIN", message: "the place of the log was behind its entries"))
        }

        private func setUnstored() throws(StoreFault) {
            if let unstored {
                try set(["unstored": unstored])
            } else {
                _ = try operations.call(.hashDelete(key: keys[0], fields: [Array("unstored".utf8)]))
            }
        }

        private func set(_ fields: KeyValuePairs<String, [UInt8]>) throws(StoreFault) {
            let pairs = fields.map { StorePair(Array($0.key.utf8), $0.value) }
            _ = try operations.call(.hashSet(key: keys[0], pairs: pairs))
        }
    }
}
