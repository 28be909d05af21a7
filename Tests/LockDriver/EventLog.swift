import ClusterState
import Glibc
import NetworkIO

/// Events, a line of JSON each, with the time of CLOCK_BOOTTIME in milliseconds. Each is with the kernel before `write`
/// returns, so that a killed process has logged all it saw.
final class EventLog {
    struct Failure: Error { let number: Int32 }

    private let descriptor: Int32

    init(path: String) throws {
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failure(number: errno) }
    }

    deinit { close(descriptor) }

    func write(
        _ event: String, _ handle: LockHandle, at time: Int = Clock.bootMilliseconds(),
        _ fields: [String: any CustomStringConvertible] = [:]
    ) {
        write(event, at: time, fields.merging(["lock": handle.name.text, "token": handle.token]) { one, _ in one })
    }

    /// - Parameter fields: numbers, and text without quotes and backslashes.
    func write(
        _ event: String, at time: Int = Clock.bootMilliseconds(), _ fields: [String: any CustomStringConvertible]
    ) {
        var line = "{\"event\": \"\(event)\", \"at\": \(time)"
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
            line += value is String ? ", \"\(name)\": \"\(value)\"" : ", \"\(name)\": \(value)"
        }
        line += "}\n"
        var bytes = Array(line.utf8)
        let written = Glibc.write(descriptor, &bytes, bytes.count)
        precondition(written == bytes.count, "the log of events takes no more")
    }
}
