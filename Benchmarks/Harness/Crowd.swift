import Glibc
import WireProtocol

/// The members of one room and a sender, on blocking sockets of this thread.
///
/// Members that agreed to compression all get the same bytes, and so do all others. So the first of each reads frame by
/// frame and finds out how many bytes a burst is. The others are then read by that number, with one call each, which
/// keeps the cost beside the worker low.
final class Crowd {
    enum Fault: Error {
        /// The node closed, or said nothing within 20 s.
        case noData(Int32)
        case notConnected(Int32)
        /// Two members did not get the same.
        case differentBytes
        /// A member that agreed to compression got a frame without, or the other way round.
        case wrongForm
    }

    /// Members that get the same bytes.
    private struct Class {
        let isCompressed: Bool
        var members: [Int32] = []
    }

    private static let room = "a-room-with-a-long-name"

    private let content: String
    private var plain = Class(isCompressed: false)
    private var compressed = Class(isCompressed: true)
    private var members: [Int32] { compressed.members + plain.members }
    private var sender: Int32 = -1
    private var said = 0
    private var first = [UInt8](repeating: 0, count: 1 << 20)
    private var other = [UInt8](repeating: 0, count: 1 << 20)

    /// - Parameter compressedCount: how many of the members agree to compression; with any, contents are long enough
    ///   for it.
    init(port: UInt16, members count: Int, compressed compressedCount: Int = 0) throws {
        content = String(repeating: "hello, everybody", count: compressedCount > 0 ? 20 : 1)
        for number in 0..<count {
            let isCompressed = number < compressedCount
            let descriptor = try join(
                port, Self.room, "member-\(number)", offer: isCompressed ? "permessage-deflate" : nil)
            if isCompressed { compressed.members.append(descriptor) } else { plain.members.append(descriptor) }
            // Each join is told to all who are there; nothing of that shall pile up.
            if number.isMultiple(of: 100) { discard() }
        }
        sender = try join(port, Self.room, "sender")
        // Who came before hears who came later: only behind a message that all have read are they at the same place.
        try write(1, content: Self.marker)
        for member in members { try readUpToMarker(member) }
    }

    /// Nobody yet; for `settle`.
    init() { content = "" }

    /// Lets `count` more members come, in rooms of ten, who stay and say nothing. Returns when the last one of each
    /// room was announced to the first one.
    func settle(_ count: Int, port: UInt16) throws {
        for number in 0..<count {
            let (room, user) = ("room\(plain.members.count / 10)", "user\(plain.members.count)")
            plain.members.append(try join(port, room, user))
            if number % 10 == 9 { try read(plain.members[plain.members.count - 10], until: user, isLast: false) }
        }
    }

    deinit {
        for descriptor in members + [sender] where descriptor >= 0 { close(descriptor) }
    }

    /// Sends `count` messages with one write and waits until all members have them. Returns the bytes of those that did
    /// not come compressed: how long a compressed frame is depends on the zlib of the machine.
    func say(_ count: Int) throws -> Int {
        try write(count, content: content)
        let plainLength = try hear(count, plain)
        _ = try hear(count, compressed)
        return plainLength * plain.members.count
    }

    /// Waits until all members of a class have `count` messages; the bytes that each of them got.
    private func hear(_ count: Int, _ hearers: Class) throws -> Int {
        guard let reader = hearers.members.first else { return 0 }
        var length = 0
        var ends = 0
        while ends < count {
            try receive(reader, into: &first, from: length, count: 2)
            guard (first[length] & 0x40 != 0) == hearers.isCompressed else { throw Fault.wrongForm }
            let marker = Int(first[length + 1] & 0x7F)
            precondition(marker < 127, "a frame of this benchmark has at most 65,535 bytes")
            var head = 2
            var payload = marker
            if marker == 126 {
                try receive(reader, into: &first, from: length + 2, count: 2)
                head = 4
                payload = Int(first[length + 2]) << 8 | Int(first[length + 3])
            }
            try receive(reader, into: &first, from: length + head, count: payload)
            length += head + payload
            ends += 1
        }
        for member in hearers.members.dropFirst() {
            try receive(member, into: &other, from: 0, count: length)
            guard memcmp(first, other, length) == 0 else { throw Fault.differentBytes }
        }
        return length
    }

    private func write(_ count: Int, content: String) throws {
        var frames: [UInt8] = []
        for _ in 0..<count {
            said += 1
            let text = #"{"type":"message","id":"message-\#(1_000_000_000 + said)","content":"\#(content)"}"#
            frames += Array(text.utf8).withUnsafeBytes { FrameEncoder.maskedFrame(.text, $0, mask: 0x1234_5678) }
        }
        try Self.write(sender, frames)
        // The sender's acks, so that its queue stays empty; how many there are in one read does not matter.
        _ = recv(sender, &other, other.count, Int32(MSG_DONTWAIT))
    }

    private static let marker = "all of you are here"

    /// Reads on to the end of the frame in which the marker is; nothing follows it.
    private func readUpToMarker(_ descriptor: Int32) throws {
        try read(descriptor, until: Self.marker, isLast: true)
    }

    private func read(_ descriptor: Int32, until text: String, isLast: Bool) throws {
        let wanted = Array(text.utf8)
        var tail: [UInt8] = []
        while true {
            let count = recv(descriptor, &other, other.count, 0)
            guard count > 0 else { throw Fault.noData(errno) }
            tail = Array((tail + other[..<count]).suffix(1000))
            if isLast, tail.last != UInt8(ascii: "}") { continue }
            let starts = 0..<max(tail.count - wanted.count, 0)
            if starts.contains(where: { tail[$0..<($0 + wanted.count)].elementsEqual(wanted) }) { return }
        }
    }

    private func discard() {
        for member in members { while recv(member, &other, other.count, Int32(MSG_DONTWAIT)) > 0 {} }
    }

    private func receive(_ descriptor: Int32, into buffer: inout [UInt8], from start: Int, count: Int) throws {
        precondition(start + count <= buffer.count)
        let received = buffer.withUnsafeMutableBytes {
            recv(descriptor, $0.baseAddress! + start, count, Int32(MSG_WAITALL))
        }
        guard received == count else { throw Fault.noData(errno) }
    }

    private static func write(_ descriptor: Int32, _ bytes: [UInt8]) throws {
        let written = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        guard written == bytes.count else { throw Fault.noData(errno) }
    }

    /// Connects, upgrades and waits until the room was joined.
    private func join(_ port: UInt16, _ room: String, _ user: String, offer: String? = nil) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Fault.notConnected(errno) }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
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
            "GET /ws/\(room)/\(user) HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            + "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            + (offer.map { "Sec-WebSocket-Extensions: \($0)\r\n" } ?? "") + "\r\n"
        try Self.write(descriptor, Array(request.utf8))
        try read(descriptor, until: #""joined_room""#, isLast: false)
        return descriptor
    }
}
