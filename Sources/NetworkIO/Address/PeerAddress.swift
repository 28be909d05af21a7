import CLibuv
import Core

/// The address and port of a peer.
package struct PeerAddress: Sendable {
    package let host: IPAddress
    package let port: UInt16

    init(_ storage: sockaddr_storage) {
        var storage = storage
        if storage.ss_family == sa_family_t(AF_INET6) {
            let address = withUnsafePointer(to: &storage) {
                $0.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { $0.pointee }
            }
            port = UInt16(bigEndian: address.sin6_port)
            host = withUnsafeBytes(of: address.sin6_addr) { IPAddress(networkBytes: $0) } ?? .unspecified
        } else {
            let address = withUnsafePointer(to: &storage) {
                $0.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee }
            }
            port = UInt16(bigEndian: address.sin_port)
            host = IPAddress(v4: UInt32(bigEndian: address.sin_addr.s_addr))
        }
    }
}
