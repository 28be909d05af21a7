/// The place of an entry in a stream: two numbers, compared in turn; "7-0" in Redis' words.
package struct StreamID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Below every entry: no entry bears it.
    package static let lowest = StreamID(0, 0)
    package static let highest = StreamID(.max, .max)

    package let first: UInt64
    package let second: UInt64

    package init(_ first: UInt64, _ second: UInt64 = 0) {
        self.first = first
        self.second = second
    }

    /// As Redis writes it.
    package var description: String { "\(first)-\(second)" }

    package static func < (left: StreamID, right: StreamID) -> Bool {
        (left.first, left.second) < (right.first, right.second)
    }
}
