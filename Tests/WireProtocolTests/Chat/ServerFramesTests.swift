import Core
import Foundation
import Testing

@testable import WireProtocol

@Suite("Frames to clients have the contract's fields, and no others")
struct ServerFramesTests {
    private let room = Identifier(unchecked: "room \"1\"")
    private let user = Identifier(unchecked: "Zoë\\")
    private let position = Position(epoch: "e1", seq: 7)
    private let history = HistoryHead(room: Identifier(unchecked: "room \"1\""), epoch: "e1")

    /// The written frame in a canonical form: a reference has read it and sorted its keys.
    private func canonical(_ write: (inout JSONWriter) -> Void) throws -> String {
        var writer = JSONWriter()
        // What was written before must not show.
        writer.beginArray()
        write(&writer)
        let bytes = writer.array
        #expect(JSONScan(bytes) == .valid(.object))
        return try canonical(Data(bytes))
    }

    private func canonical(_ data: Data) throws -> String {
        let object = try JSONSerialization.jsonObject(with: data)
        let sorted = try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])
        return String(decoding: sorted, as: UTF8.self)
    }

    private func expect(
        _ expected: String, sourceLocation: SourceLocation = #_sourceLocation, _ write: (inout JSONWriter) -> Void
    ) throws {
        let written = try canonical(write)
        let wanted = try canonical(Data(expected.utf8))
        #expect(written == wanted, sourceLocation: sourceLocation)
    }

    private func withBytes(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        try Array(text.utf8).withUnsafeBytes(body)
    }

    @Test("message and direct, with everything and with the least")
    func messages() throws {
        try withBytes("i\\n1") { id in
            try withBytes("{\"a\" : 1}") { content in
                try withBytes("no\\u0074e") { type in
                    let full = MessageFields(id: nil, content: content, messageType: type, replyTo: 3)
                    let least = MessageFields(id: nil, content: content, messageType: nil, replyTo: nil)
                    let head = MessageHead(
                        id: id, user: user, device: Identifier(unchecked: "d"), time: 1_700_000_000_000)
                    let http = MessageHead(id: id, user: user, device: nil, time: 5)
                    try expect(
                        """
                        {"type":"message","room":"room \\"1\\"","epoch":"e1","seq":7,"id":"i\\n1","user":"Zoë\\\\",\
                        "device":"d","message_type":"note","content":{"a":1},"ts":1700000000000,"reply_to":3}
                        """
                    ) { $0.message(in: history, seq: 7, head, full) }
                    try expect(
                        """
                        {"type":"message","room":"room \\"1\\"","epoch":"e1","seq":7,"id":"i\\n1","user":"Zoë\\\\",\
                        "message_type":"text","content":{"a":1},"ts":5}
                        """
                    ) { $0.message(in: history, seq: 7, http, least) }
                    try expect(
                        """
                        {"type":"direct","epoch":"e1","seq":7,"id":"i\\n1","from":"Zoë\\\\","to":"bob","device":"d",\
                        "message_type":"note","content":{"a":1},"ts":1700000000000,"reply_to":3}
                        """
                    ) { $0.direct(to: Identifier(unchecked: "bob"), at: position, head, full) }
                    try expect(
                        """
                        {"type":"direct","epoch":"e1","seq":7,"id":"i\\n1","from":"Zoë\\\\","to":"bob",\
                        "message_type":"text","content":{"a":1},"ts":5}
                        """
                    ) { $0.direct(to: Identifier(unchecked: "bob"), at: position, http, least) }
                }
            }
        }
    }

    @Test("ack")
    func acks() throws {
        try withBytes("i1") { id in
            let room =
                #"{"type":"ack","room":"room \"1\"","epoch":"e1","seq":7,"id":"i1","ts":9,"durable":"memory"}"#
            try expect(room) { $0.ack(in: history, seq: 7, id: id, time: 9) }
            try expect(room) { $0.ack(.room(self.room), id: id, position: position, time: 9, isDuplicate: false) }
            try expect(
                """
                {"type":"ack","to":"Zoë\\\\","epoch":"e1","seq":7,"id":"i1","ts":9,"durable":"memory","duplicate":true}
                """
            ) { $0.ack(.user(user), id: id, position: position, time: 9, isDuplicate: true) }
        }
    }

    @Test("ack of what Redis has, and of what waits for it; confirm; a message by its body")
    func shared() throws {
        try withBytes("i1") { id in
            try expect(
                #"{"type":"ack","room":"room \"1\"","epoch":"e1","seq":7,"id":"i1","ts":9,"durable":"redis"}"#
            ) { $0.ack(in: history, seq: 7, id: id, time: 9, durable: .redis) }
            try expect(#"{"type":"ack","room":"room \"1\"","id":"i1","ts":9,"durable":"local"}"#) {
                $0.ack(.room(room), id: id, position: nil, time: 9, isDuplicate: false, durable: .local)
            }
            try expect(
                #"{"type":"ack","to":"Zoë\\","epoch":"e1","seq":7,"id":"i1","ts":9,"durable":"redis","stored":false}"#
            ) {
                $0.ack(
                    .user(user), id: id, position: position, time: 9, isDuplicate: false, durable: .redis,
                    isStored: false)
            }
            try expect(
                #"{"type":"confirm","room":"room \"1\"","epoch":"e1","entries":[{"user":"Zoë\\","id":"i1","seq":7}]}"#
            ) { $0.confirm(room: room, epoch: "e1", user: user, id: id, seq: 7) }
            try withBytes("1") { content in
                let fields = MessageFields(id: nil, content: content, messageType: nil, replyTo: nil)
                let head = MessageHead(id: id, user: user, device: nil, time: 5)
                var writer = JSONWriter()
                writer.messageBody(head, fields)
                let body = writer.array
                let text = #","id":"i1","user":"Zoë\\","message_type":"text","content":1,"ts":5}"#
                #expect(String(decoding: body, as: UTF8.self) == text)
                try body.withUnsafeBytes { body in
                    try expect(#"{"type":"message","room":"room \"1\"","epoch":"e1","seq":7"# + text) {
                        $0.message(in: history, seq: 7, body: body)
                    }
                    try expect(#"{"type":"message","room":"room \"1\"","provisional":true"# + text) {
                        $0.provisionalMessage(in: room, body: body)
                    }
                }
            }
        }
    }

    @Test("joined_room, left_room and gap")
    func rooms() throws {
        try expect(
            """
            {"type":"joined_room","room":"room \\"1\\"","epoch":"e1","seq":7,"recovered":true,"missed":2,"users":3,\
            "read_seq":0}
            """
        ) {
            $0.joinedRoom(
                room, position: position, isPending: false, isRecovered: true, missed: 2, users: 3, readMark: 0)
        }
        try expect(
            """
            {"type":"joined_room","room":"room \\"1\\"","epoch":"e1","seq":7,"pending":true,"recovered":false,\
            "missed":0,"users":1}
            """
        ) {
            $0.joinedRoom(
                room, position: position, isPending: true, isRecovered: false, missed: 0, users: 1, readMark: nil)
        }
        for reason in ["left", "deleted"] as [StaticString] {
            try expect("{\"type\":\"left_room\",\"room\":\"room \\\"1\\\"\",\"reason\":\"\(reason)\"}") {
                $0.leftRoom(room, reason: reason)
            }
        }
        for reason in ["trimmed", "epoch_changed", "not_stored", "ahead"] {
            try expect(
                "{\"type\":\"gap\",\"room\":\"room \\\"1\\\"\",\"epoch\":\"e2\",\"next_seq\":8,\"reason\":\"\(reason)\"}"
            ) { $0.gap(room: room, epoch: "e2", nextSeq: 8, reason: reason) }
            try expect("{\"type\":\"gap\",\"inbox\":true,\"epoch\":\"e2\",\"next_seq\":8,\"reason\":\"\(reason)\"}") {
                $0.gap(room: nil, epoch: "e2", nextSeq: 8, reason: reason)
            }
        }
    }

    @Test("presence, device, typing and read")
    func presence() throws {
        for type in ["joined", "left"] as [StaticString] {
            try expect("{\"type\":\"\(type)\",\"room\":\"room \\\"1\\\"\",\"user\":\"Zoë\\\\\",\"users\":2}") {
                $0.presenceChange(type, room: room, user: user, users: 2)
            }
        }
        let device = Identifier(unchecked: "d1")
        try expect("{\"type\":\"device\",\"device\":\"d1\",\"device_type\":\"ph\\\"one\",\"online\":true}") {
            $0.device(device, type: "ph\"one", isOnline: true)
        }
        try expect("{\"type\":\"device\",\"device\":\"d1\",\"online\":false}") {
            $0.device(device, type: nil, isOnline: false)
        }
        try expect("{\"type\":\"typing\",\"room\":\"room \\\"1\\\"\",\"user\":\"Zoë\\\\\",\"typing\":true}") {
            $0.typing(room: room, user: user, isTyping: true)
        }
        for (json, rest) in [("{\"name\":\"cursor\"}", ""), ("{\"name\":\"cursor\",\"data\":[1]}", ",\"data\":[1]")] {
            let body = try #require(SignalBody(Array(json.utf8)))
            try expect(
                """
                {"type":"signal","room":"room \\"1\\"","user":"Zoë\\\\","device":"d","name":"cursor"\(rest)}
                """
            ) { $0.signal(room: room, user: user, device: Identifier(unchecked: "d"), body) }
        }
        for text in ["", "{}", "[]", "{\"name\":\"\"}", "{\"name\":\"a\",\"data\":}", "{\"name\":\"a\"} x"] {
            #expect(SignalBody(Array(text.utf8)) == nil)
        }
        try expect("{\"type\":\"read\",\"room\":\"room \\\"1\\\"\",\"marks\":[{\"user\":\"Zoë\\\\\",\"seq\":4}]}") {
            $0.read(room: room, marks: CollectionOfOne((user: user, seq: 4 as UInt64)))
        }
    }

    @Test("Frames that show the load")
    func load() throws {
        try expect(
            """
            {"type":"tier","tier":"heavy","previous":"light","reason":"memory","suspended":["typing","http"],\
            "messages_per_second":3,"message_bytes":4096}
            """
        ) {
            $0.tier(
                "heavy", previous: "light", reason: "memory", suspended: ["typing", "http"], messagesPerSecond: 3,
                messageBytesMax: 4096)
        }
        try expect("{\"type\":\"presence\",\"room\":\"room \\\"1\\\"\",\"users\":70}") {
            $0.presenceCount(room: room, users: 70)
        }
        let marks = [(user: user, seq: 4 as UInt64), (user: Identifier(unchecked: "b"), seq: 9)]
        try expect(
            """
            {"type":"read","room":"room \\"1\\"","marks":[{"user":"Zoë\\\\","seq":4},{"user":"b","seq":9}]}
            """
        ) { $0.read(room: room, marks: marks) }
        try withBytes("i\\\"") { id in
            try expect(
                """
                {"type":"error","code":"unavailable","message":"m","id":"i\\"","room":"room \\"1\\"","retry_ms":20}
                """
            ) { $0.refusal(.unavailable, "m", id: id, room: room, retryMilliseconds: 20) }
        }
        try expect("{\"type\":\"error\",\"code\":\"feature_suspended\",\"message\":\"m\",\"retry_ms\":20}") {
            $0.refusal(.featureSuspended, "m", id: nil, room: nil, retryMilliseconds: 20)
        }
    }

    @Test("pong, error and drain")
    func others() throws {
        try expect("{\"type\":\"pong\",\"ts\":5}") { $0.pong(t: nil, time: 5) }
        try withBytes("\"a\\n\"") { t in
            try expect("{\"type\":\"pong\",\"t\":\"a\\n\",\"ts\":5}") { $0.pong(t: t, time: 5) }
        }
        try expect("{\"type\":\"error\",\"code\":\"bad_json\",\"message\":\"no \\\"JSON\\\"\"}") {
            $0.error(.badJSON, "no \"JSON\"")
        }
        try expect(
            """
            {"type":"error","code":"rate_limited","message":"m","id":"i\\"","room":"room \\"1\\"","retry_ms":20}
            """
        ) { $0.error(.rateLimited, "m", id: "i\"", room: room, retryMilliseconds: 20) }
        try expect("{\"type\":\"drain\",\"reconnect\":{\"min_ms\":1,\"max_ms\":20},\"deadline_ms\":300}") {
            $0.drain(reconnect: 1...20, deadlineMilliseconds: 300)
        }
    }

    @Test("welcome")
    func welcome() throws {
        for lastActiveAt in [nil, 17] as [Int?] {
            let frame = WelcomeFrame(
                node: "n", worker: 1, connection: 4_294_967_298, user: user, device: Identifier(unchecked: "d"),
                tier: "light", mode: "single", heartbeatMilliseconds: 30000,
                messageBytesMax: 65536, messagesPerSecond: 50,
                session: .init(id: "s", isResumed: lastActiveAt != nil, messageCount: 3, lastActiveAt: lastActiveAt),
                inbox: .init(position: Position(epoch: "ie", seq: 0), pending: 2), reconnect: 100...2000)
            let last = lastActiveAt.map { ",\"last_active_at\":\($0)" } ?? ""
            try expect(
                """
                {"type":"welcome","node":"n","connection":"n-1-4294967298","user":"Zoë\\\\","device":"d","tier":"light",\
                "mode":"single","heartbeat_ms":30000,"limits":{"message_bytes":65536,"messages_per_second":50},\
                "session":{"id":"s","resumed":\(lastActiveAt != nil),"message_count":3\(last)},\
                "inbox":{"epoch":"ie","seq":0,"pending":2},"reconnect":{"min_ms":100,"max_ms":2000}}
                """
            ) { $0.welcome(frame) }
        }
    }
}
