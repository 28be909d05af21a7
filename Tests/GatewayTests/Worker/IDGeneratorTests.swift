import Testing

@testable import Gateway

@Suite("Names that do not repeat")
struct IDGeneratorTests {
    @Test("as text and as bytes, they are one row of numbers in base 36")
    func row() {
        var maker = IDGenerator()
        let prefix = maker.prefix
        for number in 1...(36 * 36 * 3) as ClosedRange<UInt64> {
            let wanted = "\(prefix)-\(String(number, radix: 36))"
            switch number % 7 {
            case 0: #expect(maker.next() == wanted)
            case 1 where number > 2000: #expect(maker.nextNumber() == number)
            default: #expect(String(decoding: maker.nextBytes(), as: UTF8.self) == wanted)
            }
        }
        #expect(maker.next(after: "d-") == "d-\(prefix)-\(String(36 * 36 * 3 + 1, radix: 36))")
    }
}
