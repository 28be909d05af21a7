import Core
import Logging
import NetworkIO

/// The lines of a node's log that name a client: who was refused, who operated, whose connection the node closed. At
/// most ten per second of a kind; the next line of the kind, or a line of its own a second later, counts the others, so
/// that nobody fills the disk with refusals. Any thread.
package final class IncidentLog: Sendable {
    /// The things that are limited each for itself.
    enum Kind: Hashable, Sendable {
        /// An HTTP status.
        case refusal(Int)
        case operating
        /// A close code.
        case close(Int)
        /// A source of work is limited.
        case limited
    }

    /// Lines of a kind per second.
    static let linesPerSecond = 10

    private struct Count {
        var second = 0
        var lines = 0
        var left = 0
    }

    let logger: Logger
    private let counts = Locked<[Kind: Count]>([:])

    init(_ logger: Logger) { self.logger = logger }

    /// Writes a line, if the kind has one left in this second.
    /// - Parameter milliseconds: of any monotonic clock, the same for all calls.
    func write(_ kind: Kind, _ message: Logger.Message, _ fields: Logger.Metadata, at milliseconds: Int) {
        guard logger.logLevel <= .info else { return }
        let (isWritten, left) = counts.withLock { counts in
            var count = counts[kind] ?? Count()
            defer { counts[kind] = count }
            if count.second != milliseconds / 1000 { (count.second, count.lines) = (milliseconds / 1000, 0) }
            guard count.lines < Self.linesPerSecond else {
                count.left += 1
                return (false, 0)
            }
            count.lines += 1
            defer { count.left = 0 }
            return (true, count.left)
        }
        guard isWritten else { return }
        logger.info(message, metadata: left == 0 ? fields : fields.merging(["left_out": "\(left)"]) { $1 })
    }

    /// Counts in the log what was left out before this second. To be called each second.
    func flush(at milliseconds: Int) {
        let due = counts.withLock { counts in
            let due = counts.filter { $0.value.left > 0 && $0.value.second != milliseconds / 1000 }
            for kind in due.keys { counts[kind]?.left = 0 }
            return due
        }
        for (kind, count) in due {
            logger.info("lines were left out", metadata: ["of": "\(kind.name)", "left_out": "\(count.left)"])
        }
    }

    // MARK: Lines

    /// A request got 401, 403 or 429.
    func refused(_ status: Int, method: String, path: [String], _ client: Client, at milliseconds: Int) {
        write(
            .refusal(status), "request refused",
            ["status": "\(status)", "address": "\(client)", "method": "\(method)", "path": "\(Self.text(path))"],
            at: milliseconds)
    }

    /// A request that changes what others have was let through.
    func operated(method: String, path: [String], _ client: Client, at milliseconds: Int) {
        write(
            .operating, "operating request",
            ["address": "\(client)", "method": "\(method)", "path": "\(Self.text(path))"], at: milliseconds)
    }

    /// The node closes a connection with a code.
    func closed(_ code: Int, _ reason: String, _ client: Client, user: Identifier?, at milliseconds: Int) {
        var fields: Logger.Metadata = ["code": "\(code)", "address": "\(client)", "reason": "\(reason)"]
        if let user { fields["user"] = "\(user.text)" }
        write(.close(code), "connection closed", fields, at: milliseconds)
    }

    /// A worker takes less from the source that has most of its time.
    func limited(_ source: HeaviestSource, worker: Int, at milliseconds: Int) {
        var fields: Logger.Metadata = [
            "kind": "\(source.kind)", "share": "\((source.share * 100).rounded() / 100)", "worker": "\(worker)",
        ]
        if let address = source.address { fields["address"] = "\(address)" }
        if let user = source.user { fields["user"] = "\(user.text)" }
        if let room = source.room { fields["room"] = "\(room.text)" }
        write(.limited, "the heaviest source is rate limited", fields, at: milliseconds)
    }

    /// Without the query, where tokens are.
    private static func text(_ path: [String]) -> String { "/" + path.joined(separator: "/") }
}

extension IncidentLog.Kind {
    fileprivate var name: String {
        switch self {
        case .refusal(let status): "status \(status)"
        case .operating: "operating"
        case .close(let code): "close \(code)"
        case .limited: "rate limited"
        }
    }
}
