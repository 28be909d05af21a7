import CHiredis

/// Bytes that are no reply (RESP 2), or more of a reply than is taken: the stream is of no use any more.
package struct RESPFault: Error, Equatable, Sendable {
    /// hiredis' words, or ours for a reply that is too large.
    package let description: String
}

/// Makes replies of a stream of bytes: hiredis' `redisReader`, which this file owns.
///
/// An array of more than 1,048,576 elements, more than eight arrays within each other, and a reply of more than
/// `replyBytesMax` are faults.
/// Thread: its owner's.
package final class RESPReader {
    /// Bytes handed to hiredis at a time. It moves what it has not read yet to the front of its memory after each
    /// kilobyte of replies; with little in it that costs little.
    private static let pieceBytes = 16 * 1024

    private let reader: UnsafeMutablePointer<redisReader>
    private let functions: UnsafeMutablePointer<redisReplyObjectFunctions>
    private let replyBytesMax: Int
    /// Bytes since the last reply ended.
    private var unfinishedBytes = 0

    package init(replyBytesMax: Int) {
        guard let reader = redisReaderCreate() else { preconditionFailure("out of memory") }
        self.reader = reader
        self.replyBytesMax = replyBytesMax
        functions = .allocate(capacity: 1)
        functions.initialize(to: sluice_redis_bounded(reader))
        reader.pointee.privdata = UnsafeMutableRawPointer(reader.pointee.fn)
        reader.pointee.fn = functions
    }

    deinit {
        redisReaderFree(reader)
        functions.deallocate()
    }

    /// Takes `bytes` and hands each reply that is complete by them to `take`, in order; the reply is gone after the
    /// call. Stops, and drops the rest, when `take` answers false.
    package func read(
        _ bytes: UnsafeRawBufferPointer, _ take: (RedisReply) -> Bool
    ) throws(RESPFault) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(Self.pieceBytes))
            rest = rest.dropFirst(piece.count)
            redisReaderFeed(reader, piece.assumingMemoryBound(to: CChar.self).baseAddress, piece.count)
            unfinishedBytes += piece.count
            while let reply = try next() {
                defer { freeReplyObject(reply) }
                unfinishedBytes = 0
                guard take(RedisReply(reply)) else { return }
            }
            guard unfinishedBytes <= replyBytesMax else {
                throw RESPFault(description: "a reply of more than \(replyBytesMax) bytes")
            }
        }
    }

    /// The next complete reply, which the caller frees.
    private func next() throws(RESPFault) -> UnsafeMutablePointer<redisReply>? {
        var reply: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &reply) == REDIS_OK else {
            throw RESPFault(description: withUnsafeBytes(of: reader.pointee.errstr) { Self.printable($0) })
        }
        return reply?.assumingMemoryBound(to: redisReply.self)
    }

    /// The message up to its zero byte; it quotes a byte of the peer's, escaped.
    private static func printable(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}
