import Core

/// The reading of a shared log: what is asked of the store, and what it answers.
package enum LogRange {
    /// Entries that one answer has at most.
    package static let entriesMax = 500
    /// Bytes of entries after which an answer ends; one entry may be larger. A range of the largest messages is read
    /// in many parts.
    package static let bytesMax = 4 * 1024 * 1024
    package struct Tail: Equatable, Sendable {
        /// The name of the commit that wrote it; nil when the log does not say.
        package let commit: String?
    }

    package struct Part: Equatable, Sendable {
        /// nil: the log is not there.
        package let epoch: String?
        /// The entry behind which it was read; nil when the log does not have it.
        package let tail: Tail?
        package let entries: [LogCommit.CommittedMessage]
    }

    /// Asks for entries behind `seq`, in order; one at least if there is one.
    package static func operation(_ keys: LogKeys, after seq: UInt64) -> StoreOperation {
        .script(
            script, keys: [keys.place, keys.entries],
            arguments: [seq, UInt64(entriesMax), UInt64(bytesMax)].map(LogCommit.digits))
    }

    /// Reads the answer; nil when it is none that the script gives.
    package static func answer(_ reply: StoreReply) -> Part? {
        guard case .array(let parts) = reply, parts.count == 3, case .bytes(let tail) = parts[1],
            let entries = LogCommit.entries(parts[2])
        else { return nil }
        let epoch: String? = if case .bytes(let text) = parts[0] { String(decoding: text, as: UTF8.self) } else { nil }
        let commit = tail == unnamed ? nil : String(decoding: tail, as: UTF8.self)
        return Part(epoch: epoch, tail: tail.isEmpty ? nil : Tail(commit: commit), entries: entries)
    }

    /// Stands for the name of a commit that an entry does not have.
    private static let unnamed = [UInt8(ascii: "-")]

    /// The script `range.lua`, and the same in Swift.
    package static let script = StoreScript(name: "range", lua: PackageResources.range_lua) {
        operations, keys, arguments throws(StoreFault) in
        var after = UInt64(LogCommit.number(arguments[0]))
        var (count, bytes) = (LogCommit.number(arguments[1]), LogCommit.number(arguments[2]))
        let at = try operations.call(
            .streamRange(key: keys[1], first: StreamID(after), last: StreamID(after)))
        let tail = LogCommit.entries(at)?.first.map { $0.commit.map { Array($0.utf8) } ?? unnamed } ?? []
        var found: [StoreReply] = []
        var part = 1
        while count > 0, bytes > 0 {
            let limit = min(part, count)
            guard
                case .array(let entries) = try operations.call(
                    .streamRange(key: keys[1], first: StreamID(after + 1), last: .highest, limit: limit))
            else { preconditionFailure("XRANGE answers with an array") }
            guard let read = LogCommit.entries(.array(entries)) else { break }
            for (reply, entry) in zip(entries, read) where bytes > 0 {
                found.append(reply)
                bytes -= entry.body.count
                count -= 1
                after = entry.seq
            }
            if entries.count < part { break }
            part = 16
        }
        let epoch = try operations.call(.hashGet(key: keys[0], field: Array("epoch".utf8)))
        return .array([epoch, .bytes(tail), .array(found)])
    }
}
