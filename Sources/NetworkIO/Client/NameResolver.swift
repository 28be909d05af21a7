import CLibuv

/// One look-up of a host's addresses, on libuv's own threads: the loop does not wait. Let go of it, or `cancel` it, and
/// the completion is not called any more.
///
/// Thread: the loop's.
package final class NameResolver {
    /// The most addresses that are handed out; a name with more is one of a crowd of equals.
    package static let addressesMax = 16

    /// Why a name has no address: the resolver's words.
    package struct Failure: Error, Equatable, Sendable {
        package let description: String
    }

    private let request: Request

    /// Begins.
    /// - Parameter resolved: called once, in a later turn, with the addresses in the order in which to try them, each
    ///   with `port`; or with the reason why there are none.
    /// - Throws: `SystemError` when libuv refuses (a name that is too long).
    package init(
        host: String, port: UInt16, loop: EventLoop,
        resolved: @escaping (Result<[SocketAddress], Failure>) -> Void
    ) throws(SystemError) {
        request = Request(port: port, resolved: resolved)
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        let held = Unmanaged.passRetained(request)
        request.handle.pointee.data = held.toOpaque()
        let status = uv_getaddrinfo(loop.uvLoop, request.handle, sluiceNameResolved, host, nil, &hints)
        guard status == 0 else {
            held.release()
            throw SystemError(call: "look-up of \(host)", number: -status)
        }
    }

    deinit { cancel() }

    /// The look-up, which may be under way on its thread, is left to itself.
    package func cancel() {
        guard request.resolved != nil else { return }
        request.resolved = nil
        request.handle.withMemoryRebound(to: uv_req_t.self, capacity: 1) { _ = uv_cancel($0) }
    }

    /// Held by libuv until its callback, whoever has let go meanwhile.
    fileprivate final class Request {
        let handle = UnsafeMutablePointer<uv_getaddrinfo_t>.allocate(capacity: 1)
        let port: UInt16
        var resolved: ((Result<[SocketAddress], Failure>) -> Void)?

        init(port: UInt16, resolved: @escaping (Result<[SocketAddress], Failure>) -> Void) {
            self.port = port
            self.resolved = resolved
        }

        deinit { handle.deallocate() }

        func ended(_ status: Int32, _ list: UnsafeMutablePointer<addrinfo>?) {
            guard let resolved else { return }
            self.resolved = nil
            guard status == 0 else {
                return resolved(.failure(Failure(description: String(cString: uv_strerror(status)))))
            }
            var addresses: [SocketAddress] = []
            var next = list
            while let info = next?.pointee, addresses.count < NameResolver.addressesMax {
                if let address = SocketAddress(info, port: port) { addresses.append(address) }
                next = info.ai_next
            }
            resolved(
                addresses.isEmpty
                    ? .failure(Failure(description: "no IPv4 or IPv6 address")) : .success(addresses))
        }
    }
}

private func sluiceNameResolved(
    _ handle: UnsafeMutablePointer<uv_getaddrinfo_t>?, _ status: Int32, _ list: UnsafeMutablePointer<addrinfo>?
) {
    defer { uv_freeaddrinfo(list) }
    guard let data = handle?.pointee.data else { return }
    Unmanaged<NameResolver.Request>.fromOpaque(data).takeRetainedValue().ended(status, list)
}
