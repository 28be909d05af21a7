import WireProtocol

/// The text of a `message` frame; only the two stamps differ from one to the next.
struct MessageTemplate {
    /// Bytes inside the content's quotes.
    let contentBytes: Int
    private let text: [UInt8]
    private let idPrefix: [UInt8]
    private let idStampAt: Int
    private let contentStampAt: Int

    /// The smallest content: marker and stamp.
    static var contentBytesMin: Int { DeliveryShape.marker.utf8CodeUnitCount + MessageStamp.byteCount }

    /// - Parameter namePrefix: begins every id; plain ASCII of at most 31 bytes.
    init(namePrefix: String, contentBytes: Int) {
        self.contentBytes = contentBytes
        let blank = String(repeating: "a", count: MessageStamp.byteCount)
        let padding = String(repeating: "x", count: contentBytes - Self.contentBytesMin)
        let head = "{\"type\":\"message\",\"id\":\"" + namePrefix + "."
        let middle = head + blank + "\",\"content\":\"\(DeliveryShape.marker)"
        idPrefix = Array((namePrefix + ".").utf8)
        idStampAt = head.utf8.count
        contentStampAt = middle.utf8.count
        text = Array((middle + blank + padding + "\"}").utf8)
    }

    /// The message as a masked frame.
    func frame(_ stamp: MessageStamp, mask: UInt32, in arena: inout FrameArena) -> FrameSlice {
        arena.maskedText(text.count, mask: mask) { target in
            target.copyBytes(from: text)
            guard let base = target.baseAddress else { return }
            stamp.write(to: base + idStampAt)
            stamp.write(to: base + contentStampAt)
        }
    }

    /// The stamp in the id of one of our messages; nil for any other id.
    func stamp(inID id: UnsafeRawBufferPointer) -> MessageStamp? {
        guard id.count == idPrefix.count + MessageStamp.byteCount, id.starts(with: idPrefix), let base = id.baseAddress
        else { return nil }
        return MessageStamp(at: base + idPrefix.count)
    }

    /// The stamp in a content of ours.
    static func stamp(inContent content: UnsafeRawBufferPointer) -> MessageStamp? {
        let marker = DeliveryShape.marker.utf8CodeUnitCount
        guard content.count >= contentBytesMin, let base = content.baseAddress,
            UnsafeRawBufferPointer(rebasing: content[..<marker]).equals(DeliveryShape.marker)
        else { return nil }
        return MessageStamp(at: base + marker)
    }
}
