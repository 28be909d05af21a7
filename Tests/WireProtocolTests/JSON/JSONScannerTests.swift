import Foundation
import TestSupport
import Testing

@testable import WireProtocol

/// A scanner's verdict on some bytes that are one value with white space around it.
enum JSONScan: Equatable {
    case valid(JSONKind)
    case fault(JSONFault)
    case loneSurrogate

    /// Scans a copy that ends where the bytes end, so that a sanitizer sees a read beyond them.
    init(_ bytes: [UInt8]) {
        self = bytes.withUnsafeBytes { buffer in
            var scanner = JSONScanner(buffer)
            do throws(JSONFault) {
                scanner.skipWhitespace()
                let value = try scanner.value()
                try scanner.expectEnd()
                return scanner.sawLoneSurrogate ? .loneSurrogate : .valid(value.kind)
            } catch {
                return .fault(error)
            }
        }
    }

    init(_ text: String) { self.init(Array(text.utf8)) }

    var isValid: Bool { if case .valid = self { true } else { false } }
}

enum JSONSamples {
    /// Texts that are no JSON.
    static let invalid: [String] = [
        "", " ", "{", "}", "[", "]", "[}", "{]", "\"", "\"a", "tru", "True", "nul", "nullx", "falsee", "t", "undefined",
        "NaN", "Infinity", "-Infinity", "-", "+1", "01", "-01", "00", "1.", ".5", "-.5", "1.e5", "1e", "1e+", "1E-",
        "0x10", "1_000", "1,", "--1", "1 2", "1a", "[1,]", "[,1]", "[,]", "[1 2]", "[1", "[1,", "[[]", "[]]", "{\"a\"}",
        "{\"a\":}", "{\"a\":1,}", "{,}", "{a:1}", "{'a':1}", "{1:2}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{\"a\":1",
        "{\"a\":1}}", "{\"a\"::1}", "{\"a\":1,,\"b\":2}", "{null:1}", "'a'", "\"\\\"", "\"\\", "\"\\x41\"", "\"\\a\"",
        "\"\\u\"", "\"\\u12\"", "\"\\u123\"", "\"\\u123g\"", "\"\\u 123\"", "\"\\U0041\"", "\"a\nb\"", "\"a\tb\"",
        "\"a\u{0}b\"", "\"\u{1F}\"", "\"12345678\u{1}\"", "\"a\" \"b\"", "[\"a\": 1]", "// c\n1", "/**/1", "1/**/",
        "\u{FEFF}1", "\u{A0}1", "\u{B}1", "\u{C}1", "\"\\uD800\\uZZZZ\"", "[1]x", "{\"a\":[}", "{\"a\":[1,2}",
        "\"\\'\"",
    ]
}

@Suite("RFC 8259 scanning")
struct JSONScannerTests {
    @Test(
        "values of each kind",
        arguments: [
            ("{}", .object), ("[]", .array), ("\"\"", .string), ("0", .number), ("true", .true), ("false", .false),
            ("null", .null), (" \t\r\n[ \t\r\n] \t\r\n", .array), ("{\"a\":1}", .object),
            ("{ \"a\" : 1 , \"b\" : [ ] , \"\" : { } }", .object),
            ("[1,2,[3,{\"x\":[]}],\"4\",null,true,false]", .array),
            ("-0", .number), ("-1", .number), ("0.5", .number), ("10", .number), ("1e5", .number), ("1E+05", .number),
            ("-1.25e-300", .number), ("0e0", .number), ("1e999999", .number),
            ("123456789012345678901234567890", .number),
            ("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\uD83D\\uDE00\\uFFFF\\u0000\"", .string),
            ("\"\u{7F}é€😀\"", .string), ("{\"a\":1,\"a\":2}", .object),
        ] as [(String, JSONKind)])
    func valid(text: String, kind: JSONKind) {
        #expect(JSONScan(text) == .valid(kind))
        #expect(JSONScan("[\(text)]") == .valid(.array))
        #expect(JSONScan("{\"k\":\(text)}") == .valid(.object))
    }

    @Test("what is no JSON, alone and inside", arguments: JSONSamples.invalid)
    func invalid(text: String) {
        guard case .fault(.syntax(let offset)) = JSONScan(text) else {
            Issue.record("\(JSONScan(text))")
            return
        }
        #expect(offset >= 0 && offset <= text.utf8.count)
        // Some of them are what is missing behind such a beginning.
        if !["]", "[]]"].contains(text) { #expect(!JSONScan("[\(text)").isValid) }
        if !["}", "{\"a\":1}}"].contains(text) { #expect(!JSONScan("{\"k\":\(text)").isValid) }
    }

    @Test("every beginning of a text is no text yet")
    func prefixes() {
        let text = Array(
            "{\"a\":[1.5e+3,\"\\u00e9\\uD83D\\uDE00x\",{\"b\":null}],\"c\":true,\"long enough\":\"0123456789\"}".utf8)
        #expect(JSONScan(text).isValid)
        for count in 0..<text.count { #expect(!JSONScan(Array(text[..<count])).isValid, "\(count)") }
    }

    @Test("A fault is reported with the offset of the byte that does not fit")
    func offsets() {
        let cases = [
            ("x", 0), ("[1,x]", 3), ("[1 2]", 3), ("{\"a\":}", 5), ("{\"a\" 1}", 5), ("truX", 3), ("[1]x", 3), ("", 0),
            ("[", 1), ("\"0123456789\u{1}\"", 11), ("{\"a\":1,}", 7), ("-", 1), ("1.x", 2),
        ]
        for (text, offset) in cases { #expect(JSONScan(text) == .fault(.syntax(offset: offset)), "\(text)") }
    }

    @Test("64 levels pass, 65 not, of either kind and mixed", arguments: ["[", "{\"a\":", "[{\"a\":"])
    func depth(opener: String) {
        let levels = opener.filter { "[{".contains($0) }.count
        func nested(_ depth: Int) -> String {
            var text = ""
            var closers = ""
            var open = 0
            while open < depth {
                text += levels == 2 && depth - open == 1 ? "[" : opener
                let added = levels == 2 && depth - open == 1 ? "[" : opener
                for opened in added where "[{".contains(opened) { closers = (opened == "[" ? "]" : "}") + closers }
                open += levels == 2 && depth - open == 1 ? 1 : levels
            }
            return text + "1" + closers
        }
        #expect(JSONScan(nested(63)).isValid && JSONScan(nested(64)).isValid)
        #expect(JSONScan(nested(65)) == .fault(.tooDeep))
        #expect(JSONScan(nested(5000)) == .fault(.tooDeep))
        // Width is not depth.
        #expect(JSONScan("[" + String(repeating: "[[]],", count: 500) + "1]").isValid)
    }

    @Test("closers are matched through all 64 levels")
    func mismatched() {
        for depth in 1...64 {
            let good = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            #expect(JSONScan(good).isValid)
            for wrong in [0, depth / 2, depth - 1] {
                var text = Array(good.utf8)
                text[depth + wrong] = UInt8(ascii: "}")
                #expect(!JSONScan(text).isValid)
            }
        }
    }

    @Test(
        "halves of surrogate pairs",
        arguments: [
            "\\uD800", "\\uDBFF", "\\uDC00", "\\uDFFF", "\\uD800x", "\\uD800\\n", "\\uD800\\u0041", "\\uDC00\\uD800",
            "\\uD800\\uD800", "\\uD800\\uD800\\uDC00", "\\uD83D\\uDE00\\uDE00", "\\ud800", "\\udfff",
        ])
    func loneSurrogates(inside: String) {
        #expect(JSONScan("\"\(inside)\"") == .loneSurrogate)
        #expect(JSONScan("[{\"a\":[\"\(inside)\"]}]") == .loneSurrogate)
        #expect(JSONScan("{\"\(inside)\":1}") == .loneSurrogate)
        // What is no JSON at all matters more.
        guard case .fault(.syntax) = JSONScan("[\"\(inside)\"") else { Issue.record("no fault"); return }
        #expect(Array(inside.utf8).withUnsafeBytes(JSONText.unescape) == nil)
    }

    @Test("a quote, a backslash and a control character at every place of two words")
    func places() {
        for lead in 0...40 {
            let plain = String(repeating: "é", count: lead / 2) + String(repeating: "x", count: lead % 2)
            for behind in ["", "y", "0123456789abcdef"] {
                #expect(JSONScan("\"\(plain)\\\"\(behind)\"") == .valid(.string))
                #expect(JSONScan("\"\(plain)\\\\\(behind)\"") == .valid(.string))
                #expect(!JSONScan("\"\(plain)\"\(behind)\"").isValid)
                for control in UInt8(0)..<0x20 {
                    let bytes = Array("\"\(plain)".utf8) + [control] + Array("\(behind)\"".utf8)
                    #expect(JSONScan(bytes) == .fault(.syntax(offset: plain.utf8.count + 1)))
                }
            }
        }
    }

    @Test("unescaping gives what a reference gives")
    func unescape() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        let parts = [
            "a", "é", "😀", "\\n", "\\t", "\\r", "\\b", "\\f", "\\\\", "\\/", "\\\"", "\\u0041", "\\u0000", "\\u00E9",
            "\\u20aC", "\\uD83D\\uDE00", "\\udbff\\udfff", "\\ud800\\udc00", "\\uFFFF", "\\uE000", "\\uD7FF",
            "0123456789",
        ]
        for _ in 0..<3000 {
            let inside = (0..<Int.random(in: 0...8, using: &random)).map { _ in
                parts.randomElement(using: &random) ?? ""
            }.joined()
            let reference = try JSONDecoder().decode(String.self, from: Data("\"\(inside)\"".utf8))
            let unescaped = Array(inside.utf8).withUnsafeBytes(JSONText.unescape)
            #expect(unescaped == Array(reference.utf8), "seed \(seed): \(inside)")
        }
    }

    @Test("mutated texts: valid exactly when a reference says so")
    func againstReference() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        let samples = [
            "{\"type\":\"message\",\"id\":\"a-1\",\"content\":{\"text\":\"hello, world\",\"n\":[1,-2.5e3,0]},\"reply_to\":12}",
            "[true,false,null,\"\\u00e9\\n\",[[],{}],{\"a\":{\"b\":[0]}}]",
            "{\"x\": -0.5E+10 , \"y\" : \"0123456789abcdef\" }",
        ].map { Array($0.utf8) }
        let likely = Array("{}[]\",:\\0123456789.eE+-tfnu x".utf8)
        var valid = 0
        var disputed: [String] = []
        for _ in 0..<8_000 {
            var bytes = samples.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                let position = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[position] = likely.randomElement(using: &random) ?? 0
                case 1: bytes.insert(likely.randomElement(using: &random) ?? 0, at: position)
                default: bytes.remove(at: position)
                }
            }
            let scan = JSONScan(bytes)
            let reference = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
            if scan.isValid != reference, !isExcused(bytes) { disputed.append(String(decoding: bytes, as: UTF8.self)) }
            valid += scan.isValid ? 1 : 0
        }
        #expect(disputed.prefix(5) == [], "seed \(seed), \(disputed.count) in all")
        #expect(valid > 800 && valid < 7_200, "neither nearly all nor nearly none: \(valid)")
    }

    /// Where the reference is known to differ from the RFC: it takes a comma behind the last element, and refuses
    /// numbers that no Double holds, of which the RFC says nothing.
    private func isExcused(_ bytes: [UInt8]) -> Bool {
        let dense = bytes.filter { $0 > 0x20 }
        for (index, byte) in dense.enumerated() {
            let next = dense[(index + 1)...]
            if byte == UInt8(ascii: ","), let closer = next.first, [0x5D, 0x7D].contains(closer) { return true }
            let exponent = next.drop { $0 == UInt8(ascii: "+") }.prefix(3)
            if byte | 0x20 == UInt8(ascii: "e"), exponent.count == 3, exponent.allSatisfy({ 0x30...0x39 ~= $0 }) {
                return true
            }
        }
        return false
    }
}
