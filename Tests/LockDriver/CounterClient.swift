import ClusterState
import Glibc

/// The counters that the locks protect, one for each lock. Their server refuses a token below the highest that it has
/// seen for that lock.
final class CounterClient {
    struct Failure: Error { let number: Int32 }

    private let stream: UnsafeMutablePointer<FILE>

    init(port: UInt16) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0, let stream = fdopen(descriptor, "r+") else { throw Failure(number: errno) }
        self.stream = stream
    }

    deinit { fclose(stream) }

    /// The counter's value; nil when the token was refused.
    func read(_ handle: LockHandle) -> Int? { ask("read \(handle.name.text) \(handle.token)") }

    /// Whether the value was taken.
    func write(_ handle: LockHandle, _ value: Int) -> Bool {
        ask("write \(handle.name.text) \(handle.token) \(value)") != nil
    }

    /// The number that is the answer; nil for "refused".
    private func ask(_ line: String) -> Int? {
        fputs(line + "\n", stream)
        fflush(stream)
        var buffer = [CChar](repeating: 0, count: 64)
        guard fgets(&buffer, 64, stream) != nil else { exit(1) }
        return Int(String(decoding: buffer.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
}
