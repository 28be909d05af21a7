import Foundations
import Rooms
import WireProtocol

extension Submission {
    /// A message of a history that the store lost, made of what was kept of it; nil when that is no message's body.
    init?(former body: [UInt8]) {
        // The body is an object without its beginning.
        var text = body
        guard !text.isEmpty else { return nil }
        text[0] = UInt8(ascii: "{")
        let parts: (user: Identifier, id: [UInt8], rawID: [UInt8])? = text.withUnsafeBytes { bytes in
            guard let table = try? FieldTable(scanning: bytes), let user = try? table.identifier(.user),
                let id = try? table.messageID()
            else { return nil }
            return (user, id.withBytes { Array($0) }, Array(id.raw))
        }
        guard let parts else { return nil }
        self.init(user: parts.user, id: parts.id, rawID: parts.rawID, body: body, time: 0, author: .former)
    }
}
