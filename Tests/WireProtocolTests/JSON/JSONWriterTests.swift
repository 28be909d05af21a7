import Core
import Foundation
import TestSupport
import Testing

@testable import WireProtocol

@Suite("JSON that is written")
struct JSONWriterTests {
    private func text(_ write: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        write(&writer)
        return String(decoding: writer.array, as: UTF8.self)
    }

    @Test("commas stand between members and elements, and nowhere else")
    func structure() {
        let written = text {
            $0.beginObject()
            $0.name("a")
            $0.number(1)
            $0.name("b")
            $0.beginArray()
            $0.endArray()
            $0.name("c")
            $0.beginObject()
            $0.endObject()
            $0.name("d")
            $0.beginArray()
            $0.string("x" as String)
            $0.beginObject()
            $0.name("e")
            $0.bool(true)
            $0.endObject()
            $0.beginArray()
            $0.bool(false)
            $0.number(2)
            $0.endArray()
            $0.raw(UnsafeRawBufferPointer(start: nil, count: 0))
            $0.endArray()
            $0.name(dynamic: "f" + "g")
            $0.string("y" as StaticString)
            $0.name(dynamic: "h" + "i")
            $0.string(Identifier(unchecked: "z\"z"))
            $0.endObject()
        }
        #expect(
            written
                == "{\"a\":1,\"b\":[],\"c\":{},\"d\":[\"x\",{\"e\":true},[false,2],],\"fg\":\"y\",\"hi\":\"z\\\"z\"}")
    }

    @Test("raw values and the inside of strings are passed on byte for byte")
    func raw() {
        let value = Array("{ \"a\" : [1 , 2.50] }".utf8)
        let inside = Array("a\\u0041\\n".utf8)
        let written = text { writer in
            writer.beginArray()
            value.withUnsafeBytes { writer.raw($0) }
            inside.withUnsafeBytes { writer.rawString($0) }
            value.withUnsafeBytes { writer.raw($0) }
            writer.endArray()
        }
        #expect(written == "[{ \"a\" : [1 , 2.50] },\"a\\u0041\\n\",{ \"a\" : [1 , 2.50] }]")
    }

    @Test("whole numbers, at every length and both ends")
    func numbers() {
        var values: [UInt64] = [0, .max, UInt64(Int64.max), 9_007_199_254_740_991]
        var power: UInt64 = 1
        for _ in 0..<19 {
            power *= 10
            values += [power - 1, power, power + 1]
        }
        for value in values { #expect(text { $0.number(value) } == "\(value)") }
        for value in [Int.min, -1_000_000, -10, -9, -1, 0, 1, .max] { #expect(text { $0.number(value) } == "\(value)") }
    }

    @Test("fractions have at most three digits, and what is no number is 0")
    func fractions() throws {
        for (value, expected) in [
            (0.0, 0), (1.5, 1.5), (0.0004, 0), (0.0006, 0.001), (-2.25, -2.25), (12345.6789, 12345.679), (1e18, 1e18),
            (1e300, 1e300), (Double.infinity, 0), (-Double.infinity, 0), (Double.nan, 0),
        ] {
            let written = text { $0.number(value) }
            #expect(JSONScan(written) == .valid(.number), "\(written)")
            #expect(Double(written) == expected)
        }
    }

    @Test("random strings come back from a reference as they were")
    func strings() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        var writer = JSONWriter()
        for round in 0..<3000 {
            var scalars = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...60, using: &random) {
                switch Int.random(in: 0..<4, using: &random) {
                case 0: scalars.append(Unicode.Scalar(UInt8.random(in: 0...0x7F, using: &random)))
                case 1:
                    scalars.append(
                        ["\"", "\\", "\n", "\0", "\u{1F}", "\u{7F}", "/"].randomElement(using: &random) ?? "/")
                default:
                    scalars.append(Unicode.Scalar(UInt32.random(in: 0...0x10FFFF, using: &random)) ?? "x")
                }
            }
            let string = String(scalars)
            writer.removeAll()
            writer.beginObject()
            writer.name(dynamic: string)
            writer.string(string)
            writer.endObject()
            #expect(JSONScan(writer.array) == .valid(.object), "seed \(seed), round \(round)")
            let decoded = try JSONDecoder().decode([String: String].self, from: Data(writer.array))
            #expect(decoded.first.map { Array($0.key.utf8) } == Array(string.utf8), "seed \(seed), round \(round)")
            #expect(decoded.first.map { Array($0.value.utf8) } == Array(string.utf8), "seed \(seed), round \(round)")
        }
    }

    @Test("every control character is escaped; nothing else is but quotes and backslashes")
    func escapes() {
        for byte in UInt8(0)...0x7F {
            let written = text { $0.string(String(UnicodeScalar(byte))) }
            let digits = String(byte, radix: 16)
            switch byte {
            case 0..<0x20: #expect(written == "\"\\u" + String(repeating: "0", count: 4 - digits.count) + digits + "\"")
            case 0x22, 0x5C: #expect(written.utf8.count == 4 && written.utf8.dropFirst().first == 0x5C)
            default: #expect(written == "\"\(UnicodeScalar(byte))\"")
            }
        }
    }

    @Test("memory grows over every border, and is used again")
    func growth() {
        var writer = JSONWriter()
        for count in [0, 1, 1000, 1021, 1022, 1023, 1024, 1025, 2047, 2048, 65535, 65536, 70_000, 300_000, 10] {
            for character in ["a", "\u{1}"] {
                writer.removeAll()
                writer.string(String(repeating: character, count: count))
                let inside = character == "a" ? "a" : "\\u0001"
                #expect(writer.array == Array("\"\(String(repeating: inside, count: count))\"".utf8))
            }
        }
        // One byte at a time.
        writer.removeAll()
        writer.beginArray()
        for _ in 0..<5000 { writer.number(7) }
        writer.endArray()
        #expect(writer.array == Array("[\(String(repeating: "7,", count: 4999))7]".utf8))
    }

    @Test("A member is its name and its value, of every type")
    func members() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("a", "x\"y")
        writer.member("b", "z" as StaticString)
        writer.member("c", Identifier(unchecked: "r"))
        writer.member("d", UInt64.max)
        writer.member("e", -1)
        writer.member("f", 1.5)
        writer.member("g", true)
        writer.endObject()
        let text = #"{"a":"x\"y","b":"z","c":"r","d":18446744073709551615,"e":-1,"f":1.5,"g":true}"#
        #expect(writer.array == Array(text.utf8))
    }
}
