import Core

/// A node's record as an owner of links, with each beat: a text of the store that people can read.
package struct LinkLease: Equatable, Sendable {
    /// The whole text, with the time of the beat: another text is another beat.
    package let text: [UInt8]
    /// Its owner lets go before so many milliseconds have passed since its last beat.
    package let timeout: Int
    /// Its share of the links is in proportion to this; 0: none.
    package let weight: Int
    /// NODE_ID.
    package let node: String

    package static let weightMax = 100
    /// Longer than any configured one: for a lease that can't be read.
    package static let timeoutMax = 600_000

    /// Of the text that a node gives: the store puts the time before it.
    package static func text(timeout: Int, weight: Int, node: String) -> [UInt8] {
        Array("\(timeout) \(weight) \(node)".utf8)
    }

    package init(_ text: [UInt8]) {
        let parts = text.split(separator: UInt8(ascii: " "), maxSplits: 3)
        func part(_ index: Int) -> ArraySlice<UInt8> { index < parts.count ? parts[index] : [] }
        self.text = text
        timeout = Stored.number(part(1), in: 1...Self.timeoutMax) ?? Self.timeoutMax
        weight = Stored.number(part(2), in: 0...Self.weightMax) ?? 0
        node = String(decoding: part(3), as: UTF8.self)
    }
}

/// The right of a node to speak for a link: what the log compares with the owner that the store knows.
package struct LinkFence: Equatable, Sendable {
    package let link: Identifier
    /// The fencing token under which the node holds it.
    package let token: Int

    package init(link: Identifier, token: Int) {
        self.link = link
        self.token = token
    }
}

/// Who has a link, as the store says.
package struct LinkOwner: Equatable, Sendable {
    package let text: [UInt8]
    package let boot: String
    /// The fencing token: rises with each claim of any link.
    package let token: Int
    /// NODE_ID of the owner.
    package let node: String

    /// Nil when the text is none that `links_claim` writes.
    package init?(_ text: [UInt8]) {
        let parts = text.split(separator: UInt8(ascii: " "), maxSplits: 2)
        guard parts.count == 3, let token = Stored.number(parts[1]) else { return nil }
        self.text = text
        boot = String(decoding: parts[0], as: UTF8.self)
        self.token = token
        node = String(decoding: parts[2], as: UTF8.self)
    }
}
