import ClusterState
import RedisLink

/// The bytes of Redis, or of somebody in its place.
enum RESPRules {
    private static let replyBytesMax = 4096

    static func check(_ input: UnsafeRawBufferPointer) throws {
        let all = Pieces.all(of: input).map(replies)
        // Whether a reply is too large is seen at the end of a piece, so one that comes in one piece may be taken.
        let isExact = input.count <= replyBytesMax
        for other in all.dropFirst() {
            let pairs = zip(all[0].replies, other.replies)
            try hold(
                pairs.allSatisfy { $0 == $1 || !isExact && (isTooLarge($0) || isTooLarge($1)) },
                "replies depend on how their bytes are split")
            guard isExact else { continue }
            try holdEqual(all[0].replies.count, other.replies.count, "replies depend on how their bytes are split")
            try hold((all[0].fault == nil) == (other.fault == nil), "a fault depends on how the bytes are split")
        }
        for reply in all[0].replies {
            let again = encoded(reply).withUnsafeBytes { replies([$0]) }
            try hold(again.fault == nil, "a reply, written anew: \(again.fault ?? "")")
            try holdEqual([reply], again.replies, "a reply, written anew")
        }
    }

    /// The replies in the input, and the words of the fault that ends it.
    static func replies(_ pieces: [UnsafeRawBufferPointer]) -> (replies: [StoreReply], fault: String?) {
        let reader = RESPReader(replyBytesMax: replyBytesMax)
        var replies: [StoreReply] = []
        do throws(RESPFault) {
            for piece in pieces {
                let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: piece.count, alignment: 1)
                defer { copy.deallocate() }
                copy.copyMemory(from: piece)
                try reader.read(UnsafeRawBufferPointer(copy)) { reply in
                    replies.append(reply.stored)
                    return true
                }
            }
        } catch {
            return (replies, error.description)
        }
        return (replies, nil)
    }

    private static func isTooLarge(_ reply: StoreReply) -> Bool {
        if case .error(StoreFault.tooLargeCode, _) = reply { true } else { false }
    }

    private static func encoded(_ reply: StoreReply) -> [UInt8] {
        func line(_ text: String) -> [UInt8] { Array("\(text)\r\n".utf8) }
        switch reply {
        case .null: return line("$-1")
        case .integer(let number): return line(":\(number)")
        case .bytes(let bytes): return line("$\(bytes.count)") + bytes + line("")
        case .status(let text): return line("+\(text)")
        case .error(let code, let message): return line("-\(code) \(message)")
        case .array(let parts): return parts.reduce(into: line("*\(parts.count)")) { $0 += encoded($1) }
        }
    }
}
