import Core

// The frames of the protocol's section "Server → client". Each method writes one whole frame.

/// Fields that `message`, `direct` and their acks share.
package struct MessageHead {
    /// The inside of a JSON string, escaped.
    package let id: UnsafeRawBufferPointer
    package let user: Identifier
    /// nil when published by HTTP.
    package let device: Identifier?
    /// Unix milliseconds.
    package let time: Int

    package init(id: UnsafeRawBufferPointer, user: Identifier, device: Identifier?, time: Int) {
        self.id = id
        self.user = user
        self.device = device
        self.time = time
    }
}

/// The frame up to the seq, of the messages of one room's history and of their acks. Written once for all of them.
package struct HistoryHead: Sendable {
    fileprivate let bytes: [UInt8]

    package init(room: Identifier, epoch: String) {
        var writer = JSONWriter()
        writer.fragment(#","room":"#)
        writer.string(room)
        writer.position(Position(epoch: epoch, seq: 0))
        bytes = Array(writer.bytes.dropLast())
    }

    /// The body of a message's frame: what follows its place.
    package func body(of payload: UnsafeRawBufferPointer, seq: UInt64) -> UnsafeRawBufferPointer {
        var rest = seq
        var digits = 1
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        let offset = JSONWriter.messageBeginning.utf8CodeUnitCount + bytes.count + digits
        return UnsafeRawBufferPointer(rebasing: payload[offset...])
    }
}

extension JSONWriter {
    fileprivate static let messageBeginning: StaticString = #"{"type":"message""#

    @inline(__always)
    mutating func begin(_ type: StaticString) {
        removeAll()
        beginObject()
        member("type", type)
    }

    /// A seq in the history that `head` names.
    @inline(__always)
    private mutating func place(_ head: HistoryHead, _ seq: UInt64) {
        head.bytes.withUnsafeBytes { fragment($0) }
        number(seq)
    }

    fileprivate mutating func position(_ position: Position) {
        fragment(#","epoch":"#)
        string(position.epoch)
        fragment(#","seq":"#)
        number(position.seq)
    }

    @inline(__always)
    private mutating func content(_ fields: MessageFields, _ time: Int) {
        if let type = fields.messageType {
            fragment(#","message_type":"#)
            rawString(type)
            fragment(#","content":"#)
        } else {
            fragment(#","message_type":"text","content":"#)
        }
        raw(fields.content)
        fragment(#","ts":"#)
        self.time(time)
        if let replyTo = fields.replyTo {
            member("reply_to", replyTo)
        }
        endObject()
    }

    package mutating func message(
        in history: HistoryHead, seq: UInt64, _ head: MessageHead, _ fields: MessageFields
    ) {
        removeAll()
        fragment(Self.messageBeginning)
        place(history, seq)
        body(head, fields)
    }

    /// The fields behind a message's place: from the id to the end of the frame.
    @inline(__always)
    private mutating func body(_ head: MessageHead, _ fields: MessageFields) {
        fragment(#","id":"#)
        rawString(head.id)
        fragment(#","user":"#)
        string(head.user)
        if let device = head.device {
            fragment(#","device":"#)
            string(device)
        }
        content(fields, head.time)
    }

    /// The body alone: what is kept of a message whose place is not known yet.
    package mutating func messageBody(_ head: MessageHead, _ fields: MessageFields) {
        removeAll()
        body(head, fields)
    }

    /// A message of which only the body is known here, at its place.
    package mutating func message(in history: HistoryHead, seq: UInt64, body: UnsafeRawBufferPointer) {
        removeAll()
        fragment(Self.messageBeginning)
        place(history, seq)
        fragment(body)
    }

    /// A message that is delivered before it has a place.
    package mutating func provisionalMessage(in room: Identifier, body: UnsafeRawBufferPointer) {
        removeAll()
        fragment(#"{"type":"message","room":"#)
        string(room)
        fragment(#","provisional":true"#)
        fragment(body)
    }

    package mutating func direct(
        to receiver: Identifier, at position: Position, _ head: MessageHead, _ fields: MessageFields
    ) {
        begin("direct")
        self.position(position)
        body(to: receiver, head, fields)
    }

    /// The fields behind a direct message's place.
    private mutating func body(to receiver: Identifier, _ head: MessageHead, _ fields: MessageFields) {
        fragment(#","id":"#)
        rawString(head.id)
        fragment(#","from":"#)
        string(head.user)
        fragment(#","to":"#)
        string(receiver)
        if let device = head.device {
            fragment(#","device":"#)
            string(device)
        }
        content(fields, head.time)
    }

    /// The body alone: what is kept of a direct message whose place is not known yet.
    package mutating func directBody(to receiver: Identifier, _ head: MessageHead, _ fields: MessageFields) {
        removeAll()
        body(to: receiver, head, fields)
    }

    /// A direct message of which only the body is known here, at its place.
    package mutating func direct(at position: Position, body: UnsafeRawBufferPointer) {
        begin("direct")
        self.position(position)
        fragment(body)
    }

    /// A direct message that is delivered before it has a place.
    package mutating func provisionalDirect(body: UnsafeRawBufferPointer) {
        removeAll()
        fragment(#"{"type":"direct","provisional":true"#)
        fragment(body)
    }

    /// The body of a direct message's frame in an inbox of that epoch.
    package static func directBody(
        of payload: UnsafeRawBufferPointer, at position: Position
    ) -> UnsafeRawBufferPointer {
        var writer = JSONWriter()
        writer.begin("direct")
        writer.position(position)
        return UnsafeRawBufferPointer(rebasing: payload[writer.bytes.count...])
    }

    /// Where an acked message went.
    package enum Destination {
        case room(Identifier)
        case user(Identifier)
    }

    /// Who keeps an acked message.
    package enum Durability: Sendable {
        /// This node: there is no other.
        case memory
        /// Redis: every node.
        case redis
        /// This node, until Redis is back. The message has no place yet.
        case local
    }

    /// - Parameters:
    ///   - position: nil when the message has no place yet.
    ///   - isStored: false when the history does not keep it.
    package mutating func ack(
        _ destination: Destination, id: UnsafeRawBufferPointer, position: Position?, time: Int, isDuplicate: Bool,
        durable: Durability = .memory, isStored: Bool = true
    ) {
        removeAll()
        switch destination {
        case .room(let room):
            fragment(#"{"type":"ack","room":"#)
            string(room)
        case .user(let user):
            fragment(#"{"type":"ack","to":"#)
            string(user)
        }
        if let position { self.position(position) }
        ack(id, time, durable)
        if isDuplicate { fragment(#","duplicate":true"#) }
        if !isStored { fragment(#","stored":false"#) }
        endObject()
    }

    /// The ack of a message that a room took just now.
    package mutating func ack(
        in history: HistoryHead, seq: UInt64, id: UnsafeRawBufferPointer, time: Int, durable: Durability = .memory
    ) {
        removeAll()
        fragment(#"{"type":"ack""#)
        place(history, seq)
        ack(id, time, durable)
        endObject()
    }

    @inline(__always)
    private mutating func ack(_ id: UnsafeRawBufferPointer, _ time: Int, _ durable: Durability) {
        fragment(#","id":"#)
        rawString(id)
        fragment(#","ts":"#)
        self.time(time)
        switch durable {
        case .memory: fragment(#","durable":"memory""#)
        case .redis: fragment(#","durable":"redis""#)
        case .local: fragment(#","durable":"local""#)
        }
    }

    /// A provisional message has its place now.
    /// - Parameters:
    ///   - room: nil for the inbox.
    ///   - id: the inside of a JSON string, escaped.
    package mutating func confirm(
        room: Identifier?, epoch: String, user: Identifier, id: UnsafeRawBufferPointer, seq: UInt64
    ) {
        begin("confirm")
        roomOrInbox(room)
        member("epoch", epoch)
        name("entries")
        beginArray()
        beginObject()
        member("user", user)
        name("id")
        rawString(id)
        member("seq", seq)
        endObject()
        endArray()
        endObject()
    }

    private mutating func roomOrInbox(_ room: Identifier?) {
        if let room {
            member("room", room)
        } else {
            member("inbox", true)
        }
    }

    package mutating func joinedRoom(
        _ room: Identifier, position: Position, isPending: Bool, isRecovered: Bool, missed: Int, users: Int,
        readMark: UInt64?
    ) {
        begin("joined_room")
        member("room", room)
        self.position(position)
        if isPending { member("pending", true) }
        member("recovered", isRecovered)
        member("missed", missed)
        member("users", users)
        if let readMark {
            member("read_seq", readMark)
        }
        endObject()
    }

    package mutating func leftRoom(_ room: Identifier, reason: StaticString) {
        begin("left_room")
        member("room", room)
        member("reason", reason)
        endObject()
    }

    /// - Parameter room: nil for the inbox.
    package mutating func gap(room: Identifier?, epoch: String, nextSeq: UInt64, reason: String) {
        begin("gap")
        roomOrInbox(room)
        member("epoch", epoch)
        member("next_seq", nextSeq)
        member("reason", reason)
        endObject()
    }

    /// `joined` and `left`: a user came to a room, or went.
    package mutating func presenceChange(_ type: StaticString, room: Identifier, user: Identifier, users: Int) {
        begin(type)
        member("room", room)
        member("user", user)
        member("users", users)
        endObject()
    }

    package mutating func device(_ device: Identifier, type: String?, isOnline: Bool) {
        begin("device")
        member("device", device)
        if let type {
            member("device_type", type)
        }
        member("online", isOnline)
        endObject()
    }

    package mutating func typing(room: Identifier, user: Identifier, isTyping: Bool) {
        begin("typing")
        member("room", room)
        member("user", user)
        member("typing", isTyping)
        endObject()
    }

    /// A member shows the others something that nobody keeps.
    package mutating func signal(room: Identifier, user: Identifier, device: Identifier, _ body: SignalBody) {
        begin("signal")
        member("room", room)
        member("user", user)
        member("device", device)
        fragment(",")
        body.json.withUnsafeBytes { fragment(UnsafeRawBufferPointer(rebasing: $0.dropFirst())) }
    }

    package mutating func pong(t: UnsafeRawBufferPointer?, time: Int) {
        begin("pong")
        if let t {
            name("t")
            raw(t)
        }
        member("ts", time)
        endObject()
    }

    package mutating func error(
        _ code: ErrorCode, _ message: String, id: String? = nil, room: Identifier? = nil, retryMilliseconds: Int? = nil
    ) {
        begin("error")
        member("code", code.name)
        member("message", message)
        if let id {
            member("id", id)
        }
        if let room {
            member("room", room)
        }
        if let retryMilliseconds {
            member("retry_ms", retryMilliseconds)
        }
        endObject()
    }

    /// When the connection's token ends (Unix milliseconds): the answer to a fresh one, and the reminder to send one.
    package mutating func token(expiresAt: Int) {
        begin("token")
        member("expires_at", expiresAt)
        endObject()
    }

    package mutating func drain(reconnect: ClosedRange<Int>, deadlineMilliseconds: Int) {
        begin("drain")
        self.reconnect(reconnect)
        member("deadline_ms", deadlineMilliseconds)
        endObject()
    }

    /// When a client that lost its connection should come back.
    mutating func reconnect(_ window: ClosedRange<Int>) {
        name("reconnect")
        beginObject()
        member("min_ms", window.lowerBound)
        member("max_ms", window.upperBound)
        endObject()
    }
}
