import Core
import TestSupport
import Testing

@testable import Tokens

@Suite("The rooms that a token names")
struct RoomPatternsTests {
    private func claims(_ rooms: String) throws -> TokenClaims {
        try TokenClaims(Array("{\"sub\":\"ann\",\"exp\":1\(rooms)}".utf8))
    }

    private func room(_ name: String) -> Identifier { Identifier(unchecked: name) }

    @Test("A room must be named by itself or by its beginning; rooms_read lets one in to listen, and wins")
    func rights() throws {
        let all = try claims("")
        #expect(all.letsEnter(room("x")) && all.letsWrite(room("x")))
        let none = try claims(#","rooms":[]"#)
        #expect(!none.letsEnter(room("x")) && !none.letsWrite(room("x")))
        let some = try claims(#","rooms":["a","b-*","d"],"rooms_read":["c","d","b-quiet*"]"#)
        for (name, enters, writes) in [
            ("a", true, true), ("ab", false, false), ("b-", true, true), ("b-1", true, true), ("b", false, false),
            ("c", true, false), ("d", true, false), ("b-quiet", true, false), ("b-quiet2", true, false),
            ("e", false, false),
        ] {
            #expect(some.letsEnter(room(name)) == enters && some.letsWrite(room(name)) == writes, "\(name)")
        }
        let listener = try claims(#","rooms_read":["*"]"#)
        #expect(listener.letsEnter(room("x")) && !listener.letsWrite(room("x")))
    }

    @Test("Beginnings are found as by looking at each of them", arguments: 1...50 as ClosedRange<UInt64>)
    func beginnings(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        func word(_ most: Int) -> String {
            let characters = (0..<Int.random(in: 0...most, using: &random)).map { _ in
                "abc*".randomElement(using: &random) ?? "a"
            }
            return String(characters)
        }
        let patterns = (0..<Int.random(in: 0...12, using: &random)).map { _ in
            let text = word(4)
            return text.isEmpty || Bool.random(using: &random) ? text + "*" : text
        }
        let found = try #require(RoomPatterns(patterns))
        for _ in 0..<100 {
            let name = word(6) + "a"
            let isNamed = patterns.contains { $0.hasSuffix("*") ? name.hasPrefix($0.dropLast()) : $0 == name }
            #expect(found.contains(room(name)) == isNamed, "seed \(seed): \(name) in \(patterns)")
        }
    }

    @Test("Base64url has exactly one text for any bytes")
    func base64URL() {
        var random = SplitMix64(seed: 9)
        for count in 0..<70 {
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let text = Base64URL.encode(bytes)
            #expect(Base64URL.decode(text) == bytes && Base64URL.decode(text + [61]) == nil)
        }
        #expect(Base64URL.decode(Array("_-8".utf8)) == [255, 239] && Base64URL.decode(Array("_-9".utf8)) == nil)
    }
}
