/// Reads what lies in the store, or was published there. Anybody may have written it: a node of another version, an
/// operator, a broken one. So a number counts only within its range, and nothing that is read ends the process.
package enum Stored {
    /// The largest number that Redis' scripts count exactly: 2^53. As a time in milliseconds it is far in the future,
    /// and far from where sums overflow.
    package static let numberMax = 1 << 53

    /// The number in decimal digits; nil when they are none, or outside the range.
    package static func number(
        _ text: some Collection<UInt8>, in range: ClosedRange<Int> = 0...numberMax
    ) -> Int? {
        Int(String(decoding: text, as: UTF8.self)).flatMap { range.contains($0) ? $0 : nil }
    }

    /// The number in decimal digits, or an integer; nil when the reply is neither, or outside the range.
    package static func number(_ reply: StoreReply, in range: ClosedRange<Int> = 0...numberMax) -> Int? {
        switch reply {
        case .integer(let number): range.contains(number) ? number : nil
        case .bytes(let text): number(text, in: range)
        case .null, .status, .array, .error: nil
        }
    }

    /// The number of a place in a log; nil when it can't be one.
    package static func seq(_ text: some Collection<UInt8>) -> UInt64? { number(text).map(UInt64.init) }

    /// The text; what is not UTF-8 in it is replaced. Nil when the reply is none.
    package static func text(_ reply: StoreReply) -> String? {
        if case .bytes(let text) = reply { String(decoding: text, as: UTF8.self) } else { nil }
    }
}
