import Foundations
import WireProtocol

/// A message of a history that the store lost, as far as committing it again needs it.
struct FormerMessage {
    let user: Identifier
    let id: [UInt8]
    /// Unix milliseconds.
    let time: Int

    /// Reads it from what was kept; nil when that is no message's body.
    init?(_ body: [UInt8]) {
        guard let time = body.withUnsafeBytes(MessageBody.time) else { return nil }
        self.time = time
        // The body is an object without its beginning.
        var text = body
        text[0] = UInt8(ascii: "{")
        let parts: (user: Identifier, id: [UInt8])? = text.withUnsafeBytes { bytes in
            guard let table = try? FieldTable(scanning: bytes), let user = try? table.identifier(.user),
                let id = try? table.messageID()
            else { return nil }
            return (user, id.withBytes { Array($0) })
        }
        guard let parts else { return nil }
        (user, id) = parts
    }
}
