import Core

/// A direct message as a shared inbox keeps it: the end of its frame, and for which devices it is.
///
/// Behind the frame's last byte come a zero byte, the sending device, a zero byte, and the type that the receiver's
/// devices must have; both are empty when there is none. Frames and devices contain no zero byte.
package struct DirectBody {
    /// `,"id":…,"from":…,"to":…` to the end of the frame.
    package let frame: UnsafeRawBufferPointer
    /// nil when it came over HTTP.
    package let device: Identifier?
    /// nil: devices of any type.
    package let deviceType: String?

    /// Reads what was kept; nil when it is no direct message.
    package init?(_ body: UnsafeRawBufferPointer) {
        guard let frameEnd = body.firstIndex(of: 0), let deviceEnd = body[(frameEnd + 1)...].firstIndex(of: 0) else {
            return nil
        }
        frame = UnsafeRawBufferPointer(rebasing: body[..<frameEnd])
        device = Identifier(validating: UnsafeRawBufferPointer(rebasing: body[(frameEnd + 1)..<deviceEnd]))
        let type = body[(deviceEnd + 1)...]
        deviceType = type.isEmpty ? nil : String(decoding: type, as: UTF8.self)
    }

    /// Makes what is kept of a frame.
    package static func bytes(
        frame: UnsafeRawBufferPointer, device: Identifier?, deviceType: String?
    ) -> [UInt8] {
        var bytes = Array(frame)
        bytes.append(0)
        if let device { bytes += device.text.utf8 }
        bytes.append(0)
        if let deviceType { bytes += deviceType.utf8 }
        return bytes
    }
}
