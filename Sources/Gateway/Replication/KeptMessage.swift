import Core
import WireProtocol

/// Reads of a kept body which message it is.
package struct KeptMessage {
    /// Who sent it.
    let user: Identifier
    /// The id by which the store remembers it, besides the user.
    let id: [UInt8]
    /// The id as it stands in the frame, the inside of a JSON string.
    let rawID: [UInt8]
    /// Of a direct message.
    let receiver: Identifier?
    /// Unix milliseconds.
    package let time: Int
    package let body: [UInt8]

    /// Reads it; nil when it is no message's body.
    package init?(_ body: [UInt8]) {
        let parts = body.withUnsafeBytes { bytes -> (Identifier, [UInt8], [UInt8], Identifier?, Int)? in
            let frame = DirectBody(bytes)?.frame ?? bytes
            guard let time = MessageBody.time(frame) else { return nil }
            // The body is an object without its beginning.
            var text = Array(frame)
            text[0] = UInt8(ascii: "{")
            return text.withUnsafeBytes { bytes in
                guard let table = try? FieldTable(scanning: bytes), let id = try? table.messageID() else { return nil }
                let (meaning, raw) = (id.withBytes { Array($0) }, Array(id.raw))
                if let user = try? table.identifier(.user) { return (user, meaning, raw, nil, time) }
                guard let sender = try? table.identifier(.from), let receiver = try? table.identifier(.to) else {
                    return nil
                }
                return (sender, Self.directID(meaning, to: receiver), raw, receiver, time)
            }
        }
        guard let parts else { return nil }
        (user, id, rawID, receiver, time) = parts
        self.body = body
    }

    /// The id of a direct message: its sender's own inbox takes copies of messages to different users.
    static func directID(_ id: [UInt8], to receiver: Identifier) -> [UInt8] {
        Array(receiver.text.utf8) + [0] + id
    }
}
