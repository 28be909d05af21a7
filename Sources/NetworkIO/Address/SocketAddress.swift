import CLibuv

/// An IPv4 or IPv6 address with a port, as the system's calls take it.
public struct SocketAddress: Sendable {
    var storage: sockaddr_storage
    let length: socklen_t
    var family: Int32 { Int32(storage.ss_family) }

    /// Reads an address in digits; names are not resolved.
    /// - Throws: `SystemError` when it is neither an IPv4 nor an IPv6 address.
    package init(numericHost host: String, port: UInt16) throws(SystemError) {
        storage = sockaddr_storage()
        let four = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { uv_ip4_addr(host, Int32(port), $0) }
        }
        if four == 0 {
            length = socklen_t(MemoryLayout<sockaddr_in>.size)
            return
        }
        let six = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { uv_ip6_addr(host, Int32(port), $0) }
        }
        length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        guard six == 0 else { throw SystemError(call: "address", number: -six) }
    }

    /// The address that a look-up found, with `port`; nil when it is neither IPv4 nor IPv6.
    init?(_ found: addrinfo, port: UInt16) {
        let isKnown = found.ai_family == AF_INET || found.ai_family == AF_INET6
        guard isKnown, let source = found.ai_addr, Int(found.ai_addrlen) <= MemoryLayout<sockaddr_storage>.size else {
            return nil
        }
        storage = sockaddr_storage()
        length = found.ai_addrlen
        withUnsafeMutableBytes(of: &storage) { target in
            target.copyMemory(from: UnsafeRawBufferPointer(start: source, count: Int(found.ai_addrlen)))
            // sin_port and sin6_port lie behind the family in both.
            target.storeBytes(of: port.bigEndian, toByteOffset: MemoryLayout<sa_family_t>.size, as: UInt16.self)
        }
    }

    /// An address or a name, which is looked up: this waits, so it is for the start of a program, not for a loop.
    /// Returns nil when the name has no address.
    package static func resolve(host: String, port: UInt16) -> SocketAddress? {
        if let numeric = try? SocketAddress(numericHost: host, port: port) { return numeric }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0, let first = list else { return nil }
        defer { freeaddrinfo(list) }
        var name = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let found = getnameinfo(
            first.pointee.ai_addr, first.pointee.ai_addrlen, &name, socklen_t(name.count), nil, 0, NI_NUMERICHOST)
        guard found == 0 else { return nil }
        let text = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return try? SocketAddress(numericHost: text, port: port)
    }

    /// The nth of the addresses 127.1.0.1, 127.1.0.2 … that a client on this machine can bind to, without a port: each
    /// has as many ports of its own towards one destination. `number` is 0…65,000; beyond it starts over.
    package static func loopbackSource(_ number: Int) -> SocketAddress {
        let index = number % 65_000
        let host = "127.1.\(index / 250).\(index % 250 + 1)"
        guard let address = try? SocketAddress(numericHost: host, port: 0) else {
            preconditionFailure("a loopback address is an address")
        }
        return address
    }

    /// Whether it is of 127.0.0.0/8 or ::1, and so of this machine.
    package var isLoopback: Bool { PeerAddress(storage).host.isLoopback }

    /// The address in digits, without the port.
    package var hostText: String {
        var storage = storage
        var text = [CChar](repeating: 0, count: 64)
        withUnsafePointer(to: &storage) {
            if family == AF_INET {
                _ = $0.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { uv_ip4_name($0, &text, text.count) }
            } else {
                _ = $0.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { uv_ip6_name($0, &text, text.count) }
            }
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The address in digits with its port, as one writes it in a URL.
    package var text: String { family == AF_INET6 ? "[\(hostText)]:\(port)" : "\(hostText):\(port)" }

    /// The port; 0 when there is none.
    package var port: UInt16 { PeerAddress(storage).port }

    /// Begins to connect to this address without waiting; the descriptor turns writable when the connection stands.
    /// - Parameters:
    ///   - source: the address to come from; nil leaves it to the system.
    ///   - receiveBufferBytes: what the kernel holds of what is not read (SO_RCVBUF, of which it makes twice as much);
    ///     nil leaves it to the system.
    /// - Throws: `SystemError` when there is no descriptor or port, or the refusal came at once.
    package func connect(
        from source: SocketAddress?, receiveBufferBytes: Int32? = nil
    ) throws(SystemError) -> Int32 {
        let descriptor = sluice_stream_socket(family)
        guard descriptor >= 0 else { throw SystemError(call: "socket", number: sluice_errno()) }
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, size)
        // Before the connect: the window that the peer may fill is agreed there.
        if var bytes = receiveBufferBytes { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, size) }
        if var source {
            setsockopt(descriptor, Int32(IPPROTO_IP), sluice_ip_bind_address_no_port, &on, size)
            guard sluice_bind(descriptor, &source.storage, source.length) == 0 else {
                throw Self.failure("bind", descriptor)
            }
        }
        var target = storage
        guard sluice_connect(descriptor, &target, length) == 0 || sluice_errno() == EINPROGRESS else {
            throw Self.failure("connect", descriptor)
        }
        return descriptor
    }

    private static func failure(_ call: String, _ descriptor: Int32) -> SystemError {
        let error = SystemError(call: call, number: sluice_errno())
        close(descriptor)
        return error
    }
}
