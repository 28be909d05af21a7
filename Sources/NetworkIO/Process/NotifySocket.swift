import CLibuv

/// The socket over which a service manager, such as systemd, follows the life of this process: sd_notify(3).
///
/// Any thread. Each notice is one datagram on a socket of its own.
package struct NotifySocket: Sendable {
    /// A change of this process' life.
    package enum Notice: Equatable, Sendable {
        /// It serves: at the start, and again when what was reloaded is in force.
        case ready
        /// It reads its files again; `ready` follows. Microseconds of CLOCK_MONOTONIC, not before the order to do so.
        case reloading(atMicroseconds: Int)
        /// It ends, which may take this long, whatever the manager's own limit is.
        case stopping(withinMilliseconds: Int)

        var text: String {
            switch self {
            case .ready: "READY=1"
            case .reloading(let time): "RELOADING=1\nMONOTONIC_USEC=\(time)"
            case .stopping(let duration): "STOPPING=1\nEXTEND_TIMEOUT_USEC=\(duration * 1000)"
            }
        }
    }

    /// Where a manager writes the socket's name.
    package static let variable = "NOTIFY_SOCKET"
    /// unix(7): the size of `sun_path`.
    private static let nameBytesMax = 108
    /// How long a manager that takes nothing may hold up the caller.
    private static let sendSeconds = 1

    private let storage: sockaddr_storage
    private let length: socklen_t

    /// - Parameter name: a path from the root, or `@` and a name of Linux' abstract namespace (unix(7)).
    /// - Throws: `SystemError` when it is neither, or longer than an address can be.
    package init(_ name: String) throws(SystemError) {
        var bytes = Array(name.utf8)
        let isAbstract = bytes.first == UInt8(ascii: "@")
        // A path must have room for its end.
        let lengthMax = Self.nameBytesMax - (isAbstract ? 0 : 1)
        guard isAbstract && bytes.count > 1 || bytes.first == UInt8(ascii: "/"), bytes.count <= lengthMax else {
            throw SystemError(call: "\(Self.variable)=\(name)", number: EINVAL)
        }
        if isAbstract { bytes[0] = 0 }
        var storage = sockaddr_storage()
        storage.ss_family = sa_family_t(AF_UNIX)
        // The name lies behind the family.
        withUnsafeMutableBytes(of: &storage) { target in
            UnsafeMutableRawBufferPointer(rebasing: target[MemoryLayout<sa_family_t>.size...]).copyBytes(from: bytes)
        }
        self.storage = storage
        // Of an abstract name each byte counts, the unused ones too.
        length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
    }

    /// Hands a notice to the manager.
    /// - Throws: `SystemError` when nobody listens there, or nobody takes it in time.
    package func send(_ notice: Notice) throws(SystemError) {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SystemError(call: "socket", number: sluice_errno()) }
        defer { close(descriptor) }
        var bound = timeval(tv_sec: Self.sendSeconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &bound, socklen_t(MemoryLayout<timeval>.size))
        var address = storage
        let bytes = Array(notice.text.utf8)
        guard sluice_connect(descriptor, &address, length) == 0,
            CLibuv.send(descriptor, bytes, bytes.count, sluice_msg_nosignal) == bytes.count
        else { throw SystemError(call: Self.variable, number: sluice_errno()) }
    }
}
