import Testing

@testable import WireProtocol

@Suite("Percent-decoding")
struct PercentEncodingTests {
    private func decoded(_ text: String, plusIsSpace: Bool = false) -> [UInt8]? {
        Array(text.utf8).withUnsafeBytes { PercentEncoding.decoded($0, plusIsSpace: plusIsSpace) }
    }

    private func text(_ text: String, plusIsSpace: Bool = false) -> String? {
        Array(text.utf8).withUnsafeBytes { PercentEncoding.decodedText($0, plusIsSpace: plusIsSpace) }
    }

    @Test("Escapes of both cases stand for bytes, all else for itself")
    func good() {
        #expect(decoded("") == [] && decoded("a%00%fF%Ffb") == [0x61, 0, 0xFF, 0xFF, 0x62])
        #expect(decoded("a+b") == Array("a+b".utf8) && decoded("a+%2B", plusIsSpace: true) == Array("a +".utf8))
        #expect(text("a+b") == "a+b" && text("a+%C3%A9", plusIsSpace: true) == "a é" && text("") == "")
    }

    @Test(
        "An escape that is none, and bytes that are no text, are refused",
        arguments: ["%", "%4", "a%", "%4g", "%g4"])
    func bad(escape: String) {
        #expect(decoded(escape) == nil && text(escape) == nil)
        #expect(text("%C3") == nil && decoded("%C3") == [0xC3])
    }
}
