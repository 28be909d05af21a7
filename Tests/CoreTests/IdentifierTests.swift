import Core
import TestSupport
import Testing

@Suite("Identifier")
struct IdentifierTests {
    /// From bytes, which may be anything.
    private func identifier(_ bytes: [UInt8]) -> Identifier? {
        bytes.withUnsafeBytes { Identifier(validating: $0) }
    }

    @Test("1 and 128 bytes are allowed, 0 and 129 are not")
    func lengths() {
        for (count, isAllowed) in [(0, false), (1, true), (127, true), (128, true), (129, false), (100_000, false)] {
            let text = String(repeating: "a", count: count)
            #expect((Identifier(validating: text) != nil) == isAllowed, "\(count) bytes")
            #expect((identifier(Array(text.utf8)) != nil) == isAllowed, "\(count) bytes")
        }
        // Bytes count, not characters.
        #expect(Identifier(validating: String(repeating: "é", count: 64))?.byteCount == 128)
        #expect(Identifier(validating: String(repeating: "é", count: 64) + "a") == nil)
    }

    @Test("Every code point up to U+00FF: control characters and the slash are refused")
    func everyLowCodePoint() throws {
        for value in UInt32(0)...0xFF {
            let scalar = try #require(Unicode.Scalar(value))
            let isControl = value < 0x20 || (0x7F...0x9F).contains(value)
            for text in ["\(scalar)", "a\(scalar)", "\(scalar)b", "aaaaaaaaaaaaaaaaaaaa\(scalar)b"] {
                let isAllowed = !isControl && scalar != "/" && text != "."
                #expect((Identifier(validating: text) != nil) == isAllowed, "U+\(String(value, radix: 16))")
                #expect((identifier(Array(text.utf8)) != nil) == isAllowed, "U+\(String(value, radix: 16))")
            }
        }
    }

    @Test("Dots: one and two are refused, more or with others are allowed")
    func dots() {
        for text in [".", ".."] { #expect(Identifier(validating: text) == nil) }
        for text in ["...", ".a", "a.", "..a", "a..", "․"] { #expect(Identifier(validating: text) != nil, "\(text)") }
    }

    @Test(
        "Bytes that are not UTF-8 are refused",
        arguments: [
            [0x80], [0xC2], [0x61, 0xC2], [0xC0, 0xAF], [0xE0, 0x80, 0xAF], [0xED, 0xA0, 0x80],
            [0xF4, 0x90, 0x80, 0x80],
            [0xF0, 0x9F, 0x98], [0xFF], [0x61, 0xFE, 0x62],
        ] as [[UInt8]])
    func invalidUTF8(bytes: [UInt8]) {
        #expect(identifier(bytes) == nil)
    }

    @Test("Every scalar of a sample of Unicode comes through unchanged")
    func roundTrip() throws {
        for text in ["é", "e\u{301}", "東京", "😀", "\u{FEFF}x", "\u{10FFFF}", "a b", "ﬁ", "\u{A0}", "\u{2028}"] {
            let fromText = try #require(Identifier(validating: text))
            let fromBytes = try #require(identifier(Array(text.utf8)))
            #expect(fromText == fromBytes && fromText.hashValue == fromBytes.hashValue)
            #expect(Array(fromText.text.utf8) == Array(text.utf8))
            #expect(fromText.withBytes { Array($0) } == Array(text.utf8))
            #expect(Array("\(fromText)".utf8) == Array(text.utf8))
            #expect(Identifier(unchecked: text) == fromText)
        }
    }

    @Test("What Swift holds for equal text is two names")
    func canonicalEquivalentsDiffer() throws {
        for (left, right) in [("é", "e\u{301}"), ("Å", "\u{212B}"), ("가", "\u{1100}\u{1161}"), ("K", "\u{212A}")] {
            // As text they are equal; this is what the type is for.
            #expect(left == right)
            let first = try #require(Identifier(validating: left))
            let second = try #require(Identifier(validating: right))
            #expect(first != second)
            #expect((first < second) != (second < first))
            #expect(Set([first, second]).count == 2)
        }
    }

    @Test("Equality and order are those of the bytes", arguments: [UInt64(21), 22, 23])
    func orderIsOfBytes(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let alphabet: [Character] = ["a", "b", "z", "é", "ÿ", "東", "😀", "\u{E000}"]
        var names: [Identifier] = []
        for _ in 0..<300 {
            let count = Int.random(in: 1...24, using: &random)
            // Few characters, so that long common beginnings are frequent.
            let characters = alphabet.prefix(Bool.random(using: &random) ? 2 : alphabet.count)
            let text = String((0..<count).map { _ in characters.randomElement(using: &random) ?? "a" })
            names.append(try #require(Identifier(validating: text)))
        }
        for left in names {
            for right in names.prefix(60) {
                let leftBytes = Array(left.text.utf8)
                let rightBytes = Array(right.text.utf8)
                #expect((left == right) == (leftBytes == rightBytes), "seed \(seed)")
                #expect((left < right) == leftBytes.lexicographicallyPrecedes(rightBytes), "seed \(seed)")
                if leftBytes == rightBytes {
                    #expect(left.hashValue == right.hashValue)
                }
            }
        }
    }

    @Test("Names of one length have hashes of their own, and two in a row are not one split differently")
    func hashes() throws {
        let names = try (1000..<3000).map { try #require(Identifier(validating: "room-\($0)")) }
        // Of 2000 random 64-bit values two are the same once in 10 million million runs.
        #expect(Set(names.map(\.hashValue)).count == names.count)
        func pair(_ left: String, _ right: String) -> Int {
            var hasher = Hasher()
            hasher.combine(Identifier(validating: left))
            hasher.combine(Identifier(validating: right))
            return hasher.finalize()
        }
        #expect(pair("ab", "c") != pair("a", "bc"))
        #expect(pair("ab", "c") == pair("ab", "c"))
    }

    @Test("It is as small as a String")
    func size() {
        #expect(MemoryLayout<Identifier>.size == 16)
    }

    @Test("Message ids have 1 to 64 bytes, type names 1 to 32, both without control characters")
    func otherNames() {
        func messageID(_ text: String) -> Bool { Array(text.utf8).withUnsafeBytes(MessageID.isValid) }
        func typeName(_ text: String) -> Bool { Array(text.utf8).withUnsafeBytes(TypeName.isValid) }
        for (count, isID, isType) in [(0, false, false), (1, true, true), (32, true, true), (33, true, false)] {
            #expect(messageID(String(repeating: "x", count: count)) == isID, "\(count)")
            #expect(typeName(String(repeating: "x", count: count)) == isType, "\(count)")
        }
        #expect(messageID(String(repeating: "x", count: 64)))
        #expect(!messageID(String(repeating: "x", count: 65)))
        for text in ["/", ".", "..", " ", "é", "a/b"] { #expect(messageID(text) && typeName(text)) }
        for text in ["\u{0}", "a\n", "\u{7F}", "\u{80}", "x\u{9F}y"] { #expect(!messageID(text) && !typeName(text)) }
        #expect(messageID("\u{A0}") && typeName("\u{A0}"))
    }
}
