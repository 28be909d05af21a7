import Core

/// The fields of a message that the gateway passes on, as slices of what was received.
package struct MessageFields {
    package let id: StringSlice?
    /// Any JSON value, byte for byte.
    package let content: UnsafeRawBufferPointer
    /// The inside of the JSON string; nil means "text".
    package let messageType: UnsafeRawBufferPointer?
    package let replyTo: UInt64?

    package init(_ table: borrowing FieldTable) throws(FieldFault) {
        id = try table.messageID()
        content = try table.required(.content, table.written(.content))
        messageType = try table.typeName(.messageType)?.raw
        replyTo = try table.natural(.replyTo)
    }

    package init(
        id: StringSlice?, content: UnsafeRawBufferPointer, messageType: UnsafeRawBufferPointer?, replyTo: UInt64?
    ) {
        self.id = id
        self.content = content
        self.messageType = messageType
        self.replyTo = replyTo
    }
}

/// Which part of a history is asked for, a room's or that of the asking user's inbox.
package struct HistoryQuery: Sendable {
    package enum Anchor: Sendable {
        case newest
        /// Exclusive.
        case after(UInt64)
        /// Exclusive.
        case before(UInt64)
    }
    package let anchor: Anchor
    /// 1…500.
    package let limit: Int
    package let isOfInbox: Bool

    package init(anchor: Anchor, limit: Int, isOfInbox: Bool = false) {
        self.anchor = anchor
        self.limit = limit
        self.isOfInbox = isOfInbox
    }

    init(_ table: borrowing FieldTable) throws(FieldFault) {
        let after = try table.natural(.after)
        let before = try table.natural(.before)
        switch (after, before) {
        case (nil, nil): anchor = .newest
        case (let seq?, nil): anchor = .after(seq)
        case (nil, let seq?): anchor = .before(seq)
        default: throw .badField("\"after\" and \"before\" exclude each other")
        }
        limit = try table.limit()
        isOfInbox = try table.bool(.inbox) ?? false
    }
}

extension Position {
    /// `since` with `epoch`, or neither.
    init?(_ table: borrowing FieldTable) throws(FieldFault) {
        let since = try table.natural(.since)
        let epoch = try table.string(.epoch)
        switch (since, epoch) {
        case (nil, nil): return nil
        case (let since?, let epoch?): self.init(epoch: epoch.text, seq: since)
        default: throw .badField("\"since\" and \"epoch\" need each other")
        }
    }
}
