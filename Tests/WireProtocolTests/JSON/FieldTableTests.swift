import Testing

@testable import WireProtocol

@Suite("Fields of objects that clients send")
struct FieldTableTests {
    private typealias Reading = (borrowing FieldTable) throws(FieldFault) -> Void

    private func fault(_ text: String, _ read: Reading = { _ in }) -> FieldFault? {
        let bytes = Array(text.utf8)
        return bytes.withUnsafeBytes { buffer in
            do throws(FieldFault) {
                try read(try FieldTable(scanning: buffer))
                return nil
            } catch {
                return error
            }
        }
    }

    private func passes(_ text: String, _ read: Reading = { _ in }) -> Bool {
        switch fault(text, read) {
        case nil: true
        default: false
        }
    }

    private func isBadField(_ text: String, _ read: Reading = { _ in }) -> Bool {
        if case .badField(let message) = fault(text, read) { !message.isEmpty } else { false }
    }

    private func isBadJSON(_ text: String) -> Bool { if case .badJSON = fault(text) { true } else { false } }

    private static let fields: [Field] = (0..<Field.count).compactMap(Field.init(rawValue:))

    /// The fields that a text has a value of.
    private func found(_ text: String) -> [Field]? {
        var found: [Field] = []
        let hasPassed = passes(text) { table throws(FieldFault) in
            for field in Self.fields where try table.value(field) != nil { found.append(field) }
        }
        return hasPassed ? found : nil
    }

    private func escaped(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }

    @Test("every field is found by its name, by its name in escapes, and by no other")
    func names() {
        #expect(Self.fields.count == Field.count)
        let names = Set(Self.fields.map { "\($0.name)" })
        #expect(names.count == Field.count)
        for field in Self.fields {
            let name = "\(field.name)"
            let first = name.utf8.first ?? 0
            for key in [name, name.utf8.map(escaped).joined(), escaped(first) + name.dropFirst()] {
                #expect(found("{\"\(key)\":1}") == [field], "\(key)")
            }
            let others = [name + "x", String(name.dropLast()), name.uppercased(), name + "\\u0000", " " + name]
            for key in others where !names.contains(key) { #expect(found("{\"\(key)\":1}") == [], "\(key)") }
        }
    }

    @Test("a known field that stands more than once is an error when it is read; unknown ones are ignored")
    func repeated() {
        for field in Self.fields {
            let name = "\(field.name)"
            for second in [name, escaped(name.utf8.first ?? 0) + name.dropFirst()] {
                let text = "{\"\(name)\":1,\"other\":2,\"\(second)\":1}"
                #expect(isBadField(text) { table throws(FieldFault) in _ = try table.value(field) })
            }
        }
        #expect(passes("{\"x\":1,\"x\":2,\"y\":[{\"id\":1,\"id\":2}]}"))
        // A member of a nested object is no field.
        #expect(found("{\"x\":{\"id\":1,\"seq\":2},\"id\":2}") == [.id])
    }

    @Test("what is no object, and what is no JSON")
    func objects() {
        for text in ["{}", " { } ", "{\"a\":{}}", "\n{\"a\":1}\n"] { #expect(passes(text)) }
        for text in JSONSamples.invalid + ["{} {}", "{}x", "{\"a\":1}]", "[]", "1", "\"a\"", "null", " [{}]"] {
            #expect(isBadJSON(text), "\(text)")
        }
        func isOther(_ text: String) -> Bool { Array(text.utf8).withUnsafeBytes(FieldTable.isOtherJSON) }
        for text in ["[]", "1", "\"a\"", "null", " [{}] ", "true", String(repeating: "[", count: 70)] {
            #expect(isOther(text), "\(text)")
        }
        for text in JSONSamples.invalid { #expect(!isOther(text), "\(text)") }
    }

    @Test("a value of 64 levels passes, of 65 not; nor does half a surrogate pair anywhere")
    func depth() {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(passes("{\"content\":\(nested(64))}"))
        #expect(isBadField("{\"content\":\(nested(65))}"))
        #expect(isBadField("{\"unknown\":\(nested(65))}"))
        for text in ["{\"content\":\"\\uD800\"}", "{\"\\uDC00\":1}", "{\"x\":[[\"\\uD83D\\u0020\"]]}"] {
            #expect(isBadField(text), "\(text)")
        }
        #expect(isBadJSON("{\"content\":\"\\uD800\""))
    }

    @Test(
        "typed reading: the right kind, null and the wrong kinds",
        arguments: ["\"x\"", "1", "true", "false", "null", "[]", "{}"])
    func kinds(value: String) {
        let text = "{\"id\":\(value),\"seq\":\(value),\"typing\":\(value),\"room\":\(value)}"
        let isString = value == "\"x\""
        #expect(passes(text) { t throws(FieldFault) in _ = try t.string(.id) } == isString)
        #expect(passes(text) { t throws(FieldFault) in _ = try t.messageID() } == isString)
        #expect(passes(text) { t throws(FieldFault) in _ = try t.identifier(.room) } == isString)
        #expect(passes(text) { t throws(FieldFault) in _ = try t.natural(.seq) } == (value == "1"))
        var bool: Bool?
        let isBool = passes(text) { t throws(FieldFault) in bool = try t.bool(.typing) }
        #expect(isBool == (value == "true" || value == "false") && bool == Bool(value))
    }

    @Test("absent fields are nil, or missing where they are required")
    func absent() {
        var values = 0
        let hasPassed = passes("{}") { t throws(FieldFault) in
            values += try t.bool(.typing) == nil ? 0 : 1
            values += try t.natural(.seq) == nil ? 0 : 1
            values += try t.identifier(.room) == nil ? 0 : 1
            values += try t.string(.epoch) == nil ? 0 : 1
            values += try t.limit() == 100 ? 0 : 1
        }
        #expect(hasPassed && values == 0)
        #expect(isBadField("{}") { t throws(FieldFault) in _ = try t.required(.seq, t.natural(.seq)) })
    }

    @Test("whole numbers to 2^53 - 1, digits alone")
    func naturals() {
        for text in ["0", "7", "9007199254740991"] {
            var value: UInt64?
            #expect(passes("{\"seq\":\(text)}") { t throws(FieldFault) in value = try t.natural(.seq) })
            #expect(value == UInt64(text))
        }
        for text in [
            "9007199254740992", "9999999999999999", "10000000000000000", "18446744073709551616", "-0", "-1", "1.0",
            "1e2", "0.5", "1E0",
        ] {
            #expect(isBadField("{\"seq\":\(text)}") { t throws(FieldFault) in _ = try t.natural(.seq) }, "\(text)")
        }
        for limit in [1, 500] {
            var value = 0
            #expect(passes("{\"limit\":\(limit)}") { t throws(FieldFault) in value = try t.limit() })
            #expect(value == limit)
        }
        for text in ["0", "501", "-1", "\"5\"", "1.5"] {
            #expect(isBadField("{\"limit\":\(text)}") { t throws(FieldFault) in _ = try t.limit() }, "\(text)")
        }
    }
}
