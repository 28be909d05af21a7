import Core
import Testing

@Suite("Names put together in place")
struct NameTextTests {
    @Test("texts and numbers in base 36")
    func pieces() {
        var name = NameText()
        #expect(name.text.isEmpty)
        name.append("d-")
        name.append(0)
        name.append("-")
        name.append(35 * 36 + 10)
        #expect(name.text == "d-0-za")
        #expect(name.withBytes { String(decoding: $0, as: UTF8.self) } == "d-0-za")
    }

    @Test("numbers as Swift writes them", arguments: [0, 9, 10, 35, 36, 1295, 1296, UInt64.max] as [UInt64])
    func numbers(number: UInt64) {
        var name = NameText()
        name.append(number)
        #expect(name.text == String(number, radix: 36))
    }

    @Test("the longest name")
    func longest() {
        let text = String(repeating: "ä", count: NameText.byteCountMax / 2)
        var name = NameText()
        name.append(text)
        #expect(name.text == text)
    }
}
