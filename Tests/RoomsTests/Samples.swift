import Core
import Rooms

/// A connection with a number of its own as socket key.
func sampleConnection(
    _ user: String, device: String = "phone", type: String? = nil, at time: Int = 1000,
    isNamed: Bool = false
) -> ConnectionInfo {
    ConnectionInfo(
        user: Identifier(unchecked: user), device: Identifier(unchecked: device), deviceType: type, worker: 0,
        socketKey: 1, connectedAt: time, userNumber: 1, isDeviceNamed: isNamed)
}

/// Calls `body` with the bytes of a text.
func withText<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    Array(text.utf8).withUnsafeBytes(body)
}

extension MemoryLog {
    /// Appends a text; its seq.
    @discardableResult
    func appendText(_ text: String = "entry", audience: Audience? = nil, at time: Int = 1000) -> UInt64 {
        _ = withText(text) { append($0, audience: audience, at: time) }
        return newestSeq
    }

    /// The texts and seqs of all entries behind `seq`.
    func texts(after seq: UInt64 = 0) -> [String] {
        entries(after: seq, countMax: .max, byteCountMax: .max)
            .map { "\($0.seq):" + String(decoding: $0.frame.payload, as: UTF8.self) }
    }
}

extension Room.Join: Equatable {
    package static func == (left: Self, right: Self) -> Bool {
        switch (left, right) {
        case (.full, .full): true
        case (.joined(let left), .joined(let right)): left == right
        default: false
        }
    }
}
