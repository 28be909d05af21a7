import ClusterState
import Glibc
import Testing

/// A connection to a real Redis that asks and waits for the reply: what the memory store is compared with.
final class RedisDialogue {
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var place = 0

    /// Connects to the socket at `path`; nil when nobody listens.
    init?(path: String) {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else { return nil }
    }

    deinit { close(descriptor) }

    /// The answer of Redis; nil when the connection has ended.
    func perform(_ operation: StoreOperation) -> StoreResult? {
        perform(operation.words)
    }

    /// As `perform(_:)` for any command.
    func perform(_ words: [[UInt8]]) -> StoreResult? {
        var bytes = Array("*\(words.count)\r\n".utf8)
        for word in words { bytes += Array("$\(word.count)\r\n".utf8) + word + Array("\r\n".utf8) }
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return nil }
            sent += count
        }
        guard let reply = readReply() else { return nil }
        if case .error(let code, let message) = reply { return .failure(StoreFault(code: code, message: message)) }
        return .success(reply)
    }

    /// Its clock: microseconds of the Unix epoch.
    func time() throws -> Int {
        guard case .success(.array(let parts)) = perform(.time) else { return 0 }
        let numbers = try parts.map { part in
            guard case .bytes(let digits) = part else { return 0 }
            return try #require(Int(String(decoding: digits, as: UTF8.self)))
        }
        return numbers[0] * 1_000_000 + numbers[1]
    }

    /// The next reply, or publication; nil when the connection has ended.
    func readReply() -> StoreReply? {
        guard let line = readLine(), let kind = line.first else { return nil }
        let text = String(decoding: line.dropFirst(), as: UTF8.self)
        switch kind {
        case UInt8(ascii: "+"): return .status(text)
        case UInt8(ascii: "-"):
            let parts = text.split(separator: " ", maxSplits: 1)
            return .error(code: String(parts[0]), message: parts.count > 1 ? String(parts[1]) : "")
        case UInt8(ascii: ":"): return Int(text).map { .integer($0) }
        case UInt8(ascii: "$"):
            guard let count = Int(text), count >= 0 else { return .null }
            guard let bytes = read(count + 2) else { return nil }
            return .bytes(Array(bytes.dropLast(2)))
        case UInt8(ascii: "*"):
            guard let count = Int(text), count >= 0 else { return .null }
            var replies: [StoreReply] = []
            for _ in 0..<count {
                guard let reply = readReply() else { return nil }
                replies.append(reply)
            }
            return .array(replies)
        default: return nil
        }
    }

    private func readLine() -> ArraySlice<UInt8>? {
        while true {
            if let end = buffer[place...].firstIndex(of: UInt8(ascii: "\r")), end + 1 < buffer.count {
                defer { place = end + 2 }
                return buffer[place..<end]
            }
            guard fill() else { return nil }
        }
    }

    private func read(_ count: Int) -> ArraySlice<UInt8>? {
        while buffer.count - place < count {
            guard fill() else { return nil }
        }
        defer { place += count }
        return buffer[place..<(place + count)]
    }

    private func fill() -> Bool {
        buffer.removeFirst(place)
        place = 0
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = Glibc.read(descriptor, &chunk, chunk.count)
        guard count > 0 else { return false }
        buffer += chunk[..<count]
        return true
    }
}
