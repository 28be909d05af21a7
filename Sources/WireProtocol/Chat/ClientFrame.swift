import Core

/// One frame from a client (the protocol's section "Client → server"). Slices lie in the received bytes.
package struct ClientFrame {
    /// The room named in the frame; nil means the URL's room.
    package let room: Identifier?
    /// The frame's `id`, which answers and errors repeat.
    package let id: StringSlice?
    package let body: Body

    package enum Body {
        case message(MessageFields)
        case direct(to: Identifier, MessageFields, deviceType: StringSlice?)
        case typing(Bool)
        case signal(SignalFields)
        case read(seq: UInt64)
        case history(HistoryQuery)
        case users
        case join(room: Identifier, position: Position?)
        case leave(room: Identifier)
        case inboxAck(Position)
        /// A fresh token for the connection.
        case token(StringSlice)
        /// `t` as it was written, quotes and all; nil when absent.
        case ping(t: UnsafeRawBufferPointer?)

        /// Whether the frame takes a token from the connection's bucket; else it takes one from the bucket of pings.
        package var takesToken: Bool {
            switch self {
            case .ping, .inboxAck: false
            default: true
            }
        }
    }

    /// Parses one text message.
    package static func parse(_ bytes: UnsafeRawBufferPointer) -> Result<ClientFrame, ClientFrameFault> {
        let table: FieldTable
        do {
            table = try FieldTable(scanning: bytes)
        } catch {
            return .failure(fault(of: error, in: bytes))
        }
        do {
            return .success(try parse(table))
        } catch {
            // An error repeats the frame's id when there is a usable one.
            let id = try? table.messageID()
            return .failure(ClientFrameFault(code: error.code, message: error.message, id: id?.text))
        }
    }

    private static func fault(of fault: FieldFault, in bytes: UnsafeRawBufferPointer) -> ClientFrameFault {
        switch fault {
        case .badField(let message):
            ClientFrameFault(code: .badFrame, message: message, id: id(in: bytes))
        case .badJSON where FieldTable.isOtherJSON(bytes):
            ClientFrameFault(code: .badFrame, message: "a frame must be one JSON object")
        case .badJSON(.syntax(let offset)):
            ClientFrameFault(code: .badJSON, message: "not JSON: unexpected byte or end at offset \(offset)")
        case .badJSON:
            ClientFrameFault(code: .badJSON, message: "not JSON")
        }
    }

    /// The id of a frame that was not taken as an object, though it has the shape of one; nil when it has none, more
    /// than one, or one that is unusable or holds an escape.
    private static func id(in bytes: UnsafeRawBufferPointer) -> String? {
        var scanner = MemberScanner(bytes)
        var id: MemberScanner.Member?
        while let member = scanner.next() {
            guard member.key.equals("id") else { continue }
            guard id == nil else { return nil }
            id = member
        }
        let isUsable = id.map { $0.isString && !$0.value.contains(UInt8(ascii: "\\")) && MessageID.isValid($0.value) }
        return isUsable == true ? id?.text : nil
    }

    private static func parse(_ table: borrowing FieldTable) throws(ClientFrameFault) -> ClientFrame {
        do {
            let type = try table.required(.type, table.string(.type))
            guard let kind = type.withBytes(Kind.named) else {
                throw ClientFrameFault(code: .unknownType, message: "unknown type; known are \(Kind.list)")
            }
            return ClientFrame(
                room: try table.identifier(.room), id: try table.messageID(), body: try body(kind, table))
        } catch let fault as ClientFrameFault {
            throw fault
        } catch let fault as FieldFault {
            throw Self.fault(of: fault, in: UnsafeRawBufferPointer(start: nil, count: 0))
        } catch {
            throw ClientFrameFault(code: .badFrame, message: "the frame can't be read")
        }
    }

    private static func body(_ kind: Kind, _ table: borrowing FieldTable) throws(FieldFault) -> Body {
        switch kind {
        case .message:
            return .message(try MessageFields(table))
        case .direct:
            return .direct(
                to: try table.required(.to, table.identifier(.to)), try MessageFields(table),
                deviceType: try table.typeName(.deviceType))
        case .typing:
            return .typing(try table.required(.typing, table.bool(.typing)))
        case .signal:
            return .signal(try SignalFields(table))
        case .read:
            return .read(seq: try table.required(.seq, table.natural(.seq)))
        case .history:
            return .history(try HistoryQuery(table))
        case .users:
            return .users
        case .join:
            let room = try table.required(.room, table.identifier(.room))
            return .join(room: room, position: try Position(table))
        case .leave:
            return .leave(room: try table.required(.room, table.identifier(.room)))
        case .inboxAck:
            let epoch = try table.required(.epoch, table.string(.epoch)).text
            return .inboxAck(Position(epoch: epoch, seq: try table.required(.seq, table.natural(.seq))))
        case .token:
            return .token(try table.required(.token, table.string(.token)))
        case .ping:
            return .ping(t: try pingToken(table))
        }
    }

    private static func pingToken(_ table: borrowing FieldTable) throws(FieldFault) -> UnsafeRawBufferPointer? {
        guard let value = try table.value(.t) else { return nil }
        switch value.kind {
        case .number where value.raw.count <= 64:
            return value.raw
        case .string where value.raw.count <= 6 * 64:
            let bytes = value.hasEscapes ? JSONText.unescape(value.raw)?.count : value.raw.count
            guard let bytes, bytes <= 64, let start = value.raw.baseAddress else { break }
            return UnsafeRawBufferPointer(start: start - 1, count: value.raw.count + 2)
        default:
            break
        }
        throw .badField("\"t\" must be a string of at most 64 bytes or a number")
    }

    /// The types of frames that clients send.
    private enum Kind: String, CaseIterable {
        case message, direct, typing, signal, read, history, users, join, leave, token, ping
        case inboxAck = "inbox_ack"

        static func named(_ bytes: UnsafeRawBufferPointer) -> Kind? {
            if bytes.equals("message") { return .message }
            return Kind(rawValue: String(decoding: bytes, as: UTF8.self))
        }

        static var list: String { allCases.map(\.rawValue).joined(separator: ", ") }
    }
}

/// Why a frame was refused, for an `error` frame.
package struct ClientFrameFault: Error, Sendable {
    package let code: ErrorCode
    package let message: String
    package var id: String?
}
