import Core
import WireProtocol

/// A message that a request publishes: the body of `POST …/messages`.
struct PublishingBody: Sendable {
    let author: Identifier
    let fields: OwnedMessageFields
    let deviceType: String?

    /// - Parameters:
    ///   - author: the member that names the author.
    ///   - byteCountMax: a larger body is refused with 413.
    init(_ call: HTTPCall, author: Field, byteCountMax: Int) throws(APIFault) {
        self = try call.withFields { table throws(APIFault) in
            guard call.request.body.count <= byteCountMax else { throw .tooLarge(byteCountMax) }
            return try PublishingBody(table, author: author)
        }
    }

    /// - Parameter author: the member that names the author.
    init(_ table: borrowing FieldTable, author: Field) throws(APIFault) {
        self = try asAPIFault { () throws(FieldFault) in
            PublishingBody(
                author: try table.required(author, table.identifier(author)),
                fields: OwnedMessageFields(try MessageFields(table)),
                deviceType: try table.typeName(.deviceType)?.text)
        }
    }

    private init(author: Identifier, fields: OwnedMessageFields, deviceType: String?) {
        self.author = author
        self.fields = fields
        self.deviceType = deviceType
    }
}
