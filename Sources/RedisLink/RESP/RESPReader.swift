import CHiredis
import ClusterState

/// Bytes that are no reply (RESP 2), or a single value of more bytes than are taken: the stream is of no use any more.
package struct RESPFault: Error, Equatable, Sendable {
    /// hiredis' words, or ours for a value that is too large.
    package let description: String
}

/// Makes replies of a stream of bytes: hiredis' `redisReader`, which this file owns.
///
/// A reply of more than `replyBytesMax`, or with an array of more than 1,048,576 elements, is read past, and an error
/// with the code `StoreFault.tooLargeCode` stands in its place: the stream goes on. A single value of more than
/// `replyBytesMax`, and more than eight arrays within each other, are faults.
/// Thread: its owner's.
package final class RESPReader {
    /// Bytes handed to hiredis at a time. It moves what it has not read yet to the front of its memory after each
    /// kilobyte of replies; with little in it that costs little.
    private static let pieceBytes = 16 * 1024

    private let reader: UnsafeMutablePointer<redisReader>
    private let maker: UnsafeMutablePointer<sluice_redis_maker>
    private let replyBytesMax: Int
    /// Stands in the place of a reply that is too large.
    private let tooLarge: UnsafeMutablePointer<redisReply>
    private let tooLargeText: UnsafeMutableBufferPointer<CChar>
    /// Bytes since the last reply ended.
    private var unfinishedBytes = 0

    package init(replyBytesMax: Int) {
        guard let reader = redisReaderCreate() else { preconditionFailure("out of memory") }
        self.reader = reader
        self.replyBytesMax = replyBytesMax
        maker = .allocate(capacity: 1)
        maker.initialize(to: sluice_redis_maker())
        sluice_redis_bind(reader, maker)
        let text = "\(StoreFault.tooLargeCode) a reply of more than \(replyBytesMax) bytes, or of too many elements"
        tooLargeText = .allocate(capacity: text.utf8.count)
        _ = tooLargeText.initialize(from: text.utf8.map { CChar(bitPattern: $0) })
        tooLarge = .allocate(capacity: 1)
        tooLarge.initialize(to: redisReply())
        tooLarge.pointee.type = REDIS_REPLY_ERROR
        tooLarge.pointee.str = tooLargeText.baseAddress
        tooLarge.pointee.len = numericCast(tooLargeText.count)
    }

    deinit {
        redisReaderFree(reader)
        maker.deallocate()
        tooLarge.deallocate()
        tooLargeText.deallocate()
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
                defer { sluice_redis_free(reply) }
                unfinishedBytes = 0
                let isDropped = maker.pointee.is_dropping != 0
                maker.pointee.is_dropping = 0
                guard take(RedisReply(isDropped ? tooLarge : reply)) else { return }
            }
            guard unfinishedBytes > replyBytesMax else { continue }
            guard sluice_redis_unread(reader) <= replyBytesMax else {
                throw RESPFault(description: "a value of more than \(replyBytesMax) bytes")
            }
            maker.pointee.is_dropping = 1
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
