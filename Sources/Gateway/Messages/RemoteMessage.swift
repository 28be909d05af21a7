import Core
import Rooms
import WireProtocol

/// A client's message on its way to the room's home on another worker: the slices of the received frame, copied.
package struct RemoteMessage: Sendable {
    package let room: Identifier
    package let info: ConnectionInfo
    let fields: OwnedMessageFields
}

/// The fields of a message with memory of their own, so that they outlive the read buffer.
package struct OwnedMessageFields: Sendable {
    private let bytes: [UInt8]
    private let idLength: Int?
    private let typeLength: Int?
    private let replyTo: UInt64?
    /// Set when the id had escapes: what it means, as opposed to how it was written.
    private let idMeaning: [UInt8]?

    package init(_ fields: MessageFields) {
        let idLength = fields.id?.raw.count
        let typeLength = fields.messageType?.count
        self.idLength = idLength
        self.typeLength = typeLength
        replyTo = fields.replyTo
        idMeaning = fields.id.flatMap { id in
            id.withBytes { $0.count == id.raw.count ? nil : Array($0) }
        }
        let count = fields.content.count + (idLength ?? 0) + (typeLength ?? 0)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        if let id = fields.id { bytes.append(contentsOf: id.raw) }
        if let type = fields.messageType { bytes.append(contentsOf: type) }
        bytes.append(contentsOf: fields.content)
        self.bytes = bytes
    }

    /// Calls `body` with the fields as slices.
    package func withFields<Result>(_ body: (MessageFields) -> Result) -> Result {
        bytes.withUnsafeBytes { all in
            let afterID = idLength ?? 0
            let afterType = afterID + (typeLength ?? 0)
            let id = idLength.map { length in
                StringSlice(raw: UnsafeRawBufferPointer(rebasing: all[0..<length]), unescaped: idMeaning)
            }
            return body(
                MessageFields(
                    id: id,
                    content: UnsafeRawBufferPointer(rebasing: all[afterType...]),
                    messageType: typeLength.map { _ in UnsafeRawBufferPointer(rebasing: all[afterID..<afterType]) },
                    replyTo: replyTo))
        }
    }
}
