extension Position {
    /// Positions as a text that stores and scripts keep: "epoch seq epoch seq". Epochs contain no space.
    package static func text(of positions: [Position]) -> [UInt8] {
        Array(positions.map { "\($0.epoch) \($0.seq)" }.joined(separator: " ").utf8)
    }

    /// The largest number that scripts count exactly.
    private static let listedMax: UInt64 = 1 << 53

    /// Reads such a text; empty when it is none. Total: whatever the bytes are.
    package static func list(_ text: some Collection<UInt8>) -> [Position] {
        let words = text.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
        guard words.count.isMultiple(of: 2) else { return [] }
        var positions: [Position] = []
        for index in stride(from: 0, to: words.count, by: 2) {
            guard let seq = UInt64(words[index + 1]), seq <= listedMax else { return [] }
            positions.append(Position(epoch: words[index], seq: seq))
        }
        return positions
    }
}
