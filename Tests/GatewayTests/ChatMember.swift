import Foundations
import Glibc
import NetworkIO
import WireProtocol

/// A client of one room on a blocking socket, which counts the `message` frames that reach it. One thread at a time.
final class ChatMember {
    enum Fault: Error {
        /// The peer closed, or said nothing within the deadline.
        case noData(Int32)
        case notConnected(Int32)
        case tooLong
    }

    private let descriptor: Int32
    private var bytes: [UInt8] = []
    private var chunk = [UInt8](repeating: 0, count: 65536)
    private(set) var messages = 0
    /// Frames that came compressed.
    private(set) var compressedFrames = 0
    private let inflater = Inflater()
    private var isJoined = false

    /// Connects to 127.0.0.1, upgrades and waits until the room was joined. No answer for 10 s is an error.
    /// - Parameter offer: the value of Sec-WebSocket-Extensions.
    init(port: UInt16, room: String, user: String, offer: String? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Fault.notConnected(errno) }
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        let limitSize = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, limitSize)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, limitSize)
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else { throw Fault.notConnected(errno) }
        let request =
            "GET /ws/\(room)/\(user) HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            + (offer.map { "Sec-WebSocket-Extensions: \($0)\r\n" } ?? "") + "\r\n"
        try write(Array(request.utf8))
        let headEnd = Array("\r\n\r\n".utf8)
        while true {
            let starts = 0..<max(bytes.count - 3, 0)
            if let end = starts.first(where: { bytes[$0..<($0 + 4)].elementsEqual(headEnd) }) {
                bytes.removeFirst(end + 4)
                break
            }
            try read()
        }
        takeFrames()
        while !isJoined { try readFrames() }
    }

    deinit { close(descriptor) }

    /// Writes all of `bytes`.
    func write(_ bytes: [UInt8]) throws {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                send(descriptor, $0.baseAddress! + written, bytes.count - written, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Fault.noData(errno) }
            written += count
        }
    }

    /// Reads until `count` messages came in all.
    func receive(messages count: Int) throws {
        while messages < count { try readFrames() }
    }

    private func readFrames() throws {
        try read()
        takeFrames()
    }

    private func read() throws {
        let count = recv(descriptor, &chunk, chunk.count, 0)
        guard count > 0 else { throw Fault.noData(errno) }
        bytes.append(contentsOf: chunk[..<count])
    }

    private func takeFrames() {
        let message = Array(#"{"type":"message""#.utf8)
        let joined = Array(#"{"type":"joined_room""#.utf8)
        var start = 0
        while bytes.count - start >= 4 {
            let marker = Int(bytes[start + 1] & 0x7F)
            // No frame of these tests needs the eight-byte length.
            let head = marker < 126 ? 2 : 4
            let length = marker < 126 ? marker : Int(bytes[start + 2]) << 8 | Int(bytes[start + 3])
            guard bytes.count - start >= head + length else { break }
            let payload = bytes[(start + head)..<(start + head + length)]
            if bytes[start] & 0x40 != 0 {
                compressedFrames += 1
                let inflated = payload.withUnsafeBytes { inflater.inflate($0, byteCountMax: 1 << 20) }
                if case .whole(let text) = inflated, text.starts(with: message) { messages += 1 }
            } else {
                if payload.starts(with: message) { messages += 1 }
                if payload.starts(with: joined) { isJoined = true }
            }
            start += head + length
        }
        bytes.removeFirst(start)
    }
}
