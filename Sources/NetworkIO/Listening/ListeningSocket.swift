import CLibuv

/// A bound address that workers accept from.
package struct ListeningSocket: Sendable {
    package let descriptor: Int32
    /// The port that was bound; differs from the wish when that was 0.
    package let port: UInt16

    /// Binds `count` sockets to one address for as many loops, among which the kernel spreads new connections
    /// (SO_REUSEPORT). No other process can bind the address meanwhile, not even one that shares ports too: the
    /// first socket is bound without sharing, which fails if anybody listens there, and shares only afterwards.
    package static func bind(host: String, port: UInt16, count: Int) throws(SystemError) -> [ListeningSocket] {
        var sockets: [ListeningSocket] = []
        do throws(SystemError) {
            let first = try open(host: host, port: port, sharedFromTheStart: false)
            sockets.append(first)
            while sockets.count < count {
                sockets.append(try open(host: host, port: first.port, sharedFromTheStart: true))
            }
            // Listening begins when all are bound, or early connections would all go to the first.
            for socket in sockets where listen(socket.descriptor, 4096) != 0 {
                throw SystemError(call: "listen", number: sluice_errno())
            }
        } catch {
            for socket in sockets { close(socket.descriptor) }
            throw error
        }
        return sockets
    }

    /// A port of 127.0.0.1 that nobody has now, for a program that must be given one. It is below those that Linux
    /// gives to connections (ip_local_port_range, from 32,768), so that none of these takes it meanwhile.
    /// - Throws: `SystemError` when a hundred are taken.
    package static func freeLoopbackPort() throws(SystemError) -> UInt16 {
        var fault: SystemError?
        for _ in 0..<100 {
            do throws(SystemError) {
                let socket = try open(
                    host: "127.0.0.1", port: UInt16.random(in: 20_000..<32_000), sharedFromTheStart: false)
                close(socket.descriptor)
                return socket.port
            } catch {
                fault = error
            }
        }
        throw fault ?? SystemError(call: "bind", number: EADDRINUSE)
    }

    private static func open(host: String, port: UInt16, sharedFromTheStart: Bool) throws(SystemError)
        -> ListeningSocket
    {
        var address = try SocketAddress(numericHost: host, port: port)
        let descriptor = sluice_stream_socket(address.family)
        guard descriptor >= 0 else { throw SystemError(call: "socket", number: sluice_errno()) }
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size)
        // Accepted sockets inherit it (tcp(7) on Linux): what is written leaves at once. Batches are made in a loop's
        // turn, not by waiting for a peer's delayed ACK of 40 ms.
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, size)
        if sharedFromTheStart { setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, size) }
        guard sluice_bind(descriptor, &address.storage, address.length) == 0 else {
            let error = SystemError(call: "bind", number: sluice_errno())
            close(descriptor)
            throw error
        }
        if !sharedFromTheStart { setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, size) }
        var actual = sockaddr_storage()
        _ = sluice_getsockname(descriptor, &actual)
        return ListeningSocket(descriptor: descriptor, port: PeerAddress(actual).port)
    }
}
