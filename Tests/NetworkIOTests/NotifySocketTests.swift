import CLibuv
import Testing

@testable import NetworkIO

@Suite("Notices to a service manager")
struct NotifySocketTests {
    /// A datagram that has come to a socket with this name after `send`; nil: none.
    private func received(at path: String, length: Int, _ send: () throws -> Void) throws -> String? {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
        defer { close(descriptor) }
        var storage = sockaddr_storage()
        storage.ss_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &storage) {
            UnsafeMutableRawBufferPointer(rebasing: $0[MemoryLayout<sa_family_t>.size...]).copyBytes(from: path.utf8)
        }
        try #require(sluice_bind(descriptor, &storage, socklen_t(MemoryLayout<sa_family_t>.size + length)) == 0)
        try send()
        // A datagram is in its reader's queue when the call that sends it returns.
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }

    @Test(
        "one datagram for each, to a path and to an abstract name",
        arguments: [
            (NotifySocket.Notice.ready, "READY=1"),
            (.reloading(atMicroseconds: 12), "RELOADING=1\nMONOTONIC_USEC=12"),
            (.stopping(withinMilliseconds: 3), "STOPPING=1\nEXTEND_TIMEOUT_USEC=3000"),
        ])
    func notices(notice: NotifySocket.Notice, text: String) throws {
        let folder = try TemporaryFolder(in: "/tmp", prefix: "sluice-notify-")
        defer { folder.remove() }
        let path = folder.path + "/socket"
        let byPath = try received(at: path, length: path.utf8.count + 1) { try NotifySocket(path).send(notice) }
        #expect(byPath == text)
        let name = "sluice-test-\(UInt64.random(in: .min ... .max))"
        let byName = try received(at: "\0" + name, length: name.utf8.count + 1) {
            try NotifySocket("@" + name).send(notice)
        }
        #expect(byName == text)
    }

    @Test("a path of 107 bytes and an abstract name of 107 fit, others are refused")
    func names() throws {
        for name in ["", "@", "run/notify", "vsock:2:1", "/" + longer(107), "@" + longer(108)] {
            #expect(throws: SystemError.self, "\(name)") { try NotifySocket(name) }
        }
        _ = try NotifySocket("/" + longer(106))
        let long = "@" + longer(107)
        let text = try received(at: "\0" + longer(107), length: 108) { try NotifySocket(long).send(.ready) }
        #expect(text == "READY=1")
    }

    private func longer(_ count: Int) -> String { String(repeating: "n", count: count) }

    @Test("where nobody listens it says so")
    func nobody() throws {
        let socket = try NotifySocket("/nowhere/at/all")
        let error = try #require(throws: SystemError.self) { try socket.send(.ready) }
        #expect(error.isNotFound)
    }
}
