import Core
import Testing

@testable import WireProtocol

@Suite("Frames from clients")
struct ClientFrameTests {
    /// Calls `check` with the parsed frame while its bytes live.
    private func parse(
        _ text: String, sourceLocation: SourceLocation = #_sourceLocation, _ check: (ClientFrame) -> Void = { _ in }
    ) {
        Array(text.utf8).withUnsafeBytes { bytes in
            switch ClientFrame.parse(bytes) {
            case .success(let frame): check(frame)
            case .failure(let fault):
                Issue.record("\(fault.code): \(fault.message)", sourceLocation: sourceLocation)
            }
        }
    }

    private func fault(_ text: String) -> ClientFrameFault? {
        Array(text.utf8).withUnsafeBytes { bytes in
            guard case .failure(let fault) = ClientFrame.parse(bytes) else { return nil }
            return fault
        }
    }

    private func code(_ text: String) -> String? { (fault(text)?.code.name).map { "\($0)" } }

    private func text(_ bytes: UnsafeRawBufferPointer?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

    @Test("message, with all fields and with the least")
    func message() {
        let full = """
            {"type":"message","room":"r1","id":"m-1","content":{"a" : [1,  "x"]},"message_type":"no\\u0074e",\
            "reply_to":12,"more":[1]}
            """
        parse(full) { frame in
            #expect(frame.room?.text == "r1" && frame.id?.text == "m-1" && frame.body.takesToken)
            guard case .message(let fields) = frame.body else { Issue.record("\(frame.body)"); return }
            #expect(text(fields.content) == "{\"a\" : [1,  \"x\"]}")
            #expect(text(fields.messageType) == "no\\u0074e" && fields.replyTo == 12 && fields.id?.text == "m-1")
        }
        parse("{\"content\":\"\",\"type\":\"message\"}") { frame in
            guard case .message(let fields) = frame.body else { Issue.record("\(frame.body)"); return }
            #expect(frame.room == nil && frame.id == nil && text(fields.content) == "\"\"")
            #expect(fields.messageType == nil && fields.replyTo == nil)
        }
    }

    @Test(
        "content is any value, byte for byte",
        arguments: [
            "null", "false", "0", "-1.50e+3", "\"a\\u0041\\n\"", "[ ]", "{\"type\":\"x\",\"type\":1}", "\"é😀\"",
        ])
    func content(value: String) {
        parse("{ \"type\" : \"message\" , \"content\" : \(value) }") { frame in
            guard case .message(let fields) = frame.body else { Issue.record("\(frame.body)"); return }
            #expect(text(fields.content) == value)
        }
    }

    @Test("every other type")
    func types() {
        parse("{\"type\":\"direct\",\"to\":\"bob\",\"content\":1,\"device_type\":\"phone\",\"id\":\"d\"}") { frame in
            guard case .direct(let to, let fields, let deviceType) = frame.body else { Issue.record("type"); return }
            #expect(to.text == "bob" && text(fields.content) == "1" && deviceType?.text == "phone")
        }
        parse("{\"type\":\"signal\",\"name\":\"c\\u0075r\",\"room\":\"r\",\"data\": {\n\"x\" : 1}}") { frame in
            #expect(frame.room?.text == "r" && frame.body.takesToken)
            guard case .signal(let fields) = frame.body else { Issue.record("type"); return }
            #expect(text(fields.name) == "c\\u0075r" && text(fields.data) == "{\n\"x\" : 1}")
            let body = SignalBody(fields)
            #expect(String(decoding: body.json, as: UTF8.self) == "{\"name\":\"c\\u0075r\",\"data\":{\n\"x\" : 1}}")
            #expect(SignalBody(body.json) == body)
        }
        for (data, meant) in [("", nil), (",\"data\":\"s\"", "\"s\""), (",\"data\":null", "null")] {
            parse("{\"type\":\"signal\",\"name\":\"\(String(repeating: "n", count: 32))\"\(data)}") { frame in
                guard case .signal(let fields) = frame.body else { Issue.record("type"); return }
                #expect(text(fields.data) == meant)
            }
        }
        parse("{\"type\":\"typing\",\"typing\":false}") { frame in
            guard case .typing(false) = frame.body else { Issue.record("type"); return }
        }
        parse("{\"type\":\"read\",\"seq\":0}") { frame in
            guard case .read(seq: 0) = frame.body else { Issue.record("type"); return }
        }
        parse("{\"type\":\"history\"}") { frame in
            guard case .history(let query) = frame.body, case .newest = query.anchor else {
                Issue.record("type"); return
            }
            #expect(query.limit == 100)
        }
        parse("{\"type\":\"history\",\"after\":5,\"limit\":500,\"id\":\"h\"}") { frame in
            guard case .history(let query) = frame.body, case .after(5) = query.anchor else {
                Issue.record("type"); return
            }
            #expect(query.limit == 500 && frame.id?.text == "h")
        }
        parse("{\"type\":\"history\",\"before\":5,\"limit\":1}") { frame in
            guard case .history(let query) = frame.body, case .before(5) = query.anchor else {
                Issue.record("type"); return
            }
        }
        parse("{\"type\":\"users\",\"id\":\"u\"}") { frame in
            guard case .users = frame.body else { Issue.record("type"); return }
        }
        parse("{\"type\":\"join\",\"room\":\"r\",\"since\":3,\"epoch\":\"e\"}") { frame in
            guard case .join(let room, let position) = frame.body else { Issue.record("type"); return }
            #expect(room.text == "r" && position == Position(epoch: "e", seq: 3))
        }
        parse("{\"type\":\"join\",\"room\":\"r\"}") { frame in
            guard case .join(_, nil) = frame.body else { Issue.record("type"); return }
        }
        parse("{\"type\":\"leave\",\"room\":\"r\"}") { frame in
            guard case .leave = frame.body else { Issue.record("type"); return }
            #expect(frame.body.takesToken)
        }
        parse("{\"type\":\"inbox_ack\",\"epoch\":\"e\",\"seq\":9}") { frame in
            guard case .inboxAck(Position(epoch: "e", seq: 9)) = frame.body else { Issue.record("type"); return }
            #expect(!frame.body.takesToken)
        }
        parse("{\"type\":\"ping\"}") { frame in
            guard case .ping(t: nil) = frame.body else { Issue.record("type"); return }
            #expect(!frame.body.takesToken)
        }
    }

    @Test(
        "ping's t comes back as it was written",
        arguments: ["\"\"", "\"a\\u0041\\n\"", "0", "-1.5e3", "17000000000000"])
    func pingToken(t: String) {
        parse("{\"type\":\"ping\",\"t\":\(t)}") { frame in
            guard case .ping(let token) = frame.body else { Issue.record("type"); return }
            #expect(text(token) == t)
        }
    }

    @Test("escapes in keys and in type")
    func escapes() {
        parse("{\"\\u0074ype\":\"\\u0075sers\",\"\\u0069d\":\"\\u0061\"}") { frame in
            guard case .users = frame.body else { Issue.record("type"); return }
            #expect(frame.id?.text == "a")
        }
    }

    // MARK: Errors

    @Test("not JSON", arguments: JSONSamples.invalid)
    func badJSON(text: String) { #expect(code(text) == "bad_json") }

    @Test("JSON but no object", arguments: ["[]", "1", "\"message\"", "null", "true", "[{\"type\":\"ping\"}]"])
    func noObject(text: String) { #expect(code(text) == "bad_frame") }

    @Test(
        "bad frames",
        arguments: [
            "{}", "{\"type\":1}", "{\"type\":null}", "{\"type\":[\"ping\"]}", "{\"type\":\"ping\",\"type\":\"ping\"}",
            "{\"type\":\"message\"}", "{\"type\":\"message\",\"content\":1,\"content\":1}",
            "{\"type\":\"message\",\"content\":1,\"id\":5}", "{\"type\":\"message\",\"content\":1,\"id\":\"\"}",
            "{\"type\":\"message\",\"content\":1,\"id\":\"a\\u0000\"}",
            "{\"type\":\"message\",\"content\":1,\"id\":\"a\\u0085\"}",
            "{\"type\":\"message\",\"content\":1,\"id\":\"a\",\"id\":\"a\"}",
            "{\"type\":\"message\",\"content\":1,\"room\":\"\"}",
            "{\"type\":\"message\",\"content\":1,\"room\":\"a/b\"}",
            "{\"type\":\"message\",\"content\":1,\"room\":\"..\"}",
            "{\"type\":\"message\",\"content\":1,\"room\":\"\\u002e\"}",
            "{\"type\":\"message\",\"content\":1,\"room\":null}",
            "{\"type\":\"message\",\"content\":1,\"message_type\":\"\"}",
            "{\"type\":\"message\",\"content\":1,\"message_type\":1}",
            "{\"type\":\"message\",\"content\":1,\"reply_to\":\"1\"}",
            "{\"type\":\"message\",\"content\":1,\"reply_to\":-1}",
            "{\"type\":\"message\",\"content\":\"\\uD800\"}", "{\"type\":\"message\",\"content\":1,\"x\":\"\\uDC00\"}",
            "{\"type\":\"direct\",\"content\":1}", "{\"type\":\"direct\",\"to\":\"\",\"content\":1}",
            "{\"type\":\"direct\",\"to\":\"b\"}", "{\"type\":\"direct\",\"to\":\"b\",\"content\":1,\"device_type\":2}",
            "{\"type\":\"signal\"}", "{\"type\":\"signal\",\"name\":\"\"}", "{\"type\":\"signal\",\"name\":7}",
            "{\"type\":\"signal\",\"name\":\"\(String(repeating: "n", count: 33))\"}",
            "{\"type\":\"signal\",\"name\":\"a\\nb\"}", "{\"type\":\"signal\",\"name\":\"a\",\"data\":1,\"data\":1}",
            "{\"type\":\"signal\",\"name\":\"a\",\"data\":\"\\ud800\"}",
            "{\"type\":\"typing\"}", "{\"type\":\"typing\",\"typing\":1}", "{\"type\":\"typing\",\"typing\":\"true\"}",
            "{\"type\":\"read\"}", "{\"type\":\"read\",\"seq\":1.5}", "{\"type\":\"read\",\"seq\":\"1\"}",
            "{\"type\":\"history\",\"after\":1,\"before\":2}", "{\"type\":\"history\",\"limit\":0}",
            "{\"type\":\"history\",\"limit\":501}", "{\"type\":\"join\"}",
            "{\"type\":\"join\",\"room\":\"r\",\"since\":1}",
            "{\"type\":\"join\",\"room\":\"r\",\"epoch\":\"e\"}", "{\"type\":\"leave\"}",
            "{\"type\":\"inbox_ack\",\"seq\":1}",
            "{\"type\":\"inbox_ack\",\"epoch\":\"e\"}", "{\"type\":\"inbox_ack\",\"epoch\":1,\"seq\":1}",
            "{\"type\":\"ping\",\"t\":true}", "{\"type\":\"ping\",\"t\":null}", "{\"type\":\"ping\",\"t\":[]}",
        ])
    func badFrame(text: String) {
        #expect(code(text) == "bad_frame")
        #expect(fault(text)?.message.isEmpty == false)
    }

    @Test("unknown types", arguments: ["", "Message", "messages", "inboxAck", "welcome", "ack", "pi\\u0000ng"])
    func unknownType(type: String) { #expect(code("{\"type\":\"\(type)\"}") == "unknown_type") }

    @Test("an error repeats the frame's id when that is usable")
    func errorID() {
        #expect(fault("{\"type\":\"message\",\"id\":\"m\\u0031\"}")?.id == "m1")
        #expect(fault("{\"type\":\"nothing\",\"id\":\"m2\"}")?.id == "m2")
        #expect(fault("{\"id\":\"m3\"}")?.id == "m3")
        #expect(fault("{\"type\":\"message\",\"id\":7}") != nil)
        #expect(fault("{\"type\":\"message\",\"id\":7}")?.id == nil)
    }

    @Test("An error repeats the id of a frame that is no usable JSON, if it has the shape of an object")
    func errorIDWithoutTable() {
        let deep = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
        #expect(fault("{\"type\":\"message\",\"content\":\(deep),\"id\":\"m4\"}")?.id == "m4")
        #expect(fault("{\"id\" : \"m5\",\"type\":\"message\",\"content\":\"\\ud800\"}")?.id == "m5")
        #expect(fault("{\"content\":\"\\ud800\",\"x\":{\"id\":\"no\"}}")?.id == nil)
        for id in ["7", "\"\"", "\"a\\ud800\"", "\"a\\u0062\"", "\"m6\",\"id\":\"m6\"", "null", "\"a\\"] {
            #expect(fault("{\"content\":\"\\ud800\",\"id\":\(id)}")?.id == nil, "\(id)")
        }
    }

    // MARK: Limits

    /// Strings of `count` bytes of the same meaning: plain, of two-byte characters, and in escapes.
    private func strings(_ count: Int) -> [String] {
        [
            String(repeating: "a", count: count),
            String(repeating: "é", count: count / 2) + String(repeating: "a", count: count % 2),
            String(repeating: "\\u0061", count: count),
            String(repeating: "\\u00e9", count: count / 2)
                + String(repeating: "\\u0061", count: count % 2),
        ]
    }

    @Test(
        "the longest string of each field passes, one byte more does not",
        arguments: [
            ("{\"type\":\"users\",\"id\":\"@\"}", 64), ("{\"type\":\"message\",\"content\":1,\"id\":\"@\"}", 64),
            ("{\"type\":\"message\",\"content\":1,\"message_type\":\"@\"}", 32),
            ("{\"type\":\"direct\",\"to\":\"b\",\"content\":1,\"device_type\":\"@\"}", 32),
            ("{\"type\":\"direct\",\"to\":\"@\",\"content\":1}", 128), ("{\"type\":\"join\",\"room\":\"@\"}", 128),
            ("{\"type\":\"users\",\"room\":\"@\"}", 128), ("{\"type\":\"leave\",\"room\":\"@\"}", 128),
            ("{\"type\":\"ping\",\"t\":\"@\"}", 64),
        ])
    func lengths(template: String, longest: Int) {
        func frame(_ inside: String) -> String {
            let parts = template.split(separator: "@", omittingEmptySubsequences: false)
            return "\(parts[0])\(inside)\(parts[1])"
        }
        for inside in strings(longest) { #expect(code(frame(inside)) == nil, "\(inside)") }
        for inside in strings(longest + 1) { #expect(code(frame(inside)) == "bad_frame", "\(inside)") }
    }

    @Test("content of 64 levels passes, of 65 not")
    func depth() {
        func frame(_ depth: Int) -> String {
            let content =
                String(repeating: "{\"a\":", count: depth - 1) + "[]" + String(repeating: "}", count: depth - 1)
            return "{\"type\":\"message\",\"content\":\(content)}"
        }
        #expect(code(frame(64)) == nil && code(frame(65)) == "bad_frame" && code(frame(10_000)) == "bad_frame")
    }
}
