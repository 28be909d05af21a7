import Core
import WireProtocol

/// Which of a user's devices an inbox entry is for.
package final class Audience: Sendable {
    /// Only devices of this type; nil means any.
    package let deviceType: String?
    /// The device that sent it: for it the entry counts as processed.
    package let sender: Identifier?
    /// The user's own message, kept for the user's other devices; it is never pending.
    package let isOwnCopy: Bool

    package init(deviceType: String?, sender: Identifier?, isOwnCopy: Bool) {
        self.deviceType = deviceType
        self.sender = sender
        self.isOwnCopy = isOwnCopy
    }

    package func includes(device: Identifier, type: String?) -> Bool {
        if let sender, sender == device { return false }
        guard let deviceType else { return true }
        return type.map { $0.utf8.elementsEqual(deviceType.utf8) } ?? false
    }
}

/// A committed entry.
package struct LogEntry {
    package let seq: UInt64
    /// The whole frame, ready to be sent.
    package let frame: FrameSlice
    package let audience: Audience?
}
