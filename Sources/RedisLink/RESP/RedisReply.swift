import CHiredis
import ClusterState

/// A look at a reply where hiredis has put it: nothing is copied.
///
/// Valid during the call that hands it over, and not after it.
package struct RedisReply {
    /// The kinds of replies in RESP 2.
    package enum Kind: Equatable, Sendable { case null, integer, bytes, status, array, error }

    private let reply: UnsafePointer<redisReply>

    init(_ reply: UnsafeMutablePointer<redisReply>) { self.reply = UnsafePointer(reply) }

    package var kind: Kind {
        switch reply.pointee.type {
        case REDIS_REPLY_STRING: .bytes
        case REDIS_REPLY_ARRAY: .array
        case REDIS_REPLY_INTEGER: .integer
        case REDIS_REPLY_STATUS: .status
        case REDIS_REPLY_ERROR: .error
        default: .null
        }
    }

    /// The number; nil when it is none.
    package var integer: Int? { kind == .integer ? Int(reply.pointee.integer) : nil }

    /// The content of bytes, a status or an error; empty for the other kinds.
    package var bytes: UnsafeRawBufferPointer {
        switch kind {
        case .bytes, .status, .error: UnsafeRawBufferPointer(start: reply.pointee.str, count: reply.pointee.len)
        case .null, .integer, .array: UnsafeRawBufferPointer(start: nil, count: 0)
        }
    }

    /// How many elements an array has; 0 for the other kinds.
    package var count: Int { kind == .array ? reply.pointee.elements : 0 }

    /// An array's element; nil when there is none of that index.
    package func element(_ index: Int) -> RedisReply? {
        guard index >= 0, index < count, let element = reply.pointee.element[index] else { return nil }
        return RedisReply(element)
    }

    /// `bytes` as text; what is not UTF-8 is replaced.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Whether `bytes` are those of `text`.
    package func says(_ text: StaticString) -> Bool {
        let own = bytes
        return text.withUTF8Buffer { other in
            other.count == own.count && zip(other, own).allSatisfy { $0 == $1 }
        }
    }

    /// An error's first word and the rest; nil when it is no error.
    package var error: (code: String, message: String)? {
        guard kind == .error else { return nil }
        let words = text.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        return (String(words.first ?? ""), words.count > 1 ? String(words[1]) : "")
    }

    /// A copy that may be kept.
    package var stored: StoreReply {
        switch kind {
        case .null: .null
        case .integer: .integer(integer ?? 0)
        case .bytes: .bytes(Array(bytes))
        case .status: .status(text)
        case .array: .array((0..<count).map { element($0)?.stored ?? .null })
        case .error: error.map { .error(code: $0.code, message: $0.message) } ?? .null
        }
    }
}
