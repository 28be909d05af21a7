import Core

/// One request of a node's share of the links to the store.
package enum LinkRequest: Equatable, Sendable {
    package struct Claim: Equatable, Sendable {
        package let id: Identifier
        /// Who was seen to have it; nil: nobody.
        package let owner: LinkOwner?
        /// The lease that the owner was seen to have.
        package let lease: [UInt8]
        /// The token under which this node holds the link, and takes it into a new generation of the data.
        package let held: Int?
    }

    /// - Parameters:
    ///   - text: what the node says of itself; empty when it leaves.
    ///   - forgotten: leases of nodes that are gone, if they are what they were.
    case beat(text: [UInt8], forgotten: [(boot: String, lease: [UInt8])])
    case readDefinitions
    case readOwners
    case claim([Claim])
    case release([(id: Identifier, token: Int)])
    /// Definitions that this node knows with their versions, and that the store may have lost.
    case restore([(id: Identifier, text: [UInt8])])

    package static func == (left: LinkRequest, right: LinkRequest) -> Bool {
        left.words == right.words && left.script.name == right.script.name
    }

    private var script: StoreScript {
        switch self {
        case .beat: LinkScripts.beat
        case .readDefinitions, .readOwners: LinkScripts.read
        case .claim: LinkScripts.claim
        case .release: LinkScripts.release
        case .restore: LinkScripts.define
        }
    }

    private var words: [[UInt8]] {
        switch self {
        case .beat(let text, let forgotten): [text] + forgotten.flatMap { [Array($0.boot.utf8), $0.lease] }
        case .readDefinitions: [Array("defined".utf8)]
        case .readOwners: [Array("owned".utf8)]
        case .claim(let claims):
            claims.flatMap {
                [Array($0.id.text.utf8), $0.owner?.text ?? [], $0.lease, $0.held.map { Array("\($0)".utf8) } ?? []]
            }
        case .release(let links): links.flatMap { [Array($0.id.text.utf8), Array("\($0.token)".utf8)] }
        case .restore(let definitions):
            [Array("\(LinkLimits.linksMax)".utf8)]
                + definitions.flatMap { [Array($0.id.text.utf8), Array("older".utf8), $0.text] }
        }
    }

    /// As an operation of the store.
    /// - Parameters:
    ///   - highest: the highest token that the node has seen.
    ///   - quarantine: for how long new data grants nothing, milliseconds.
    package func operation(boot: String, node: String, highest: Int, quarantine: Int) -> StoreOperation {
        var arguments = [Array(boot.utf8), Array("\(highest)".utf8), Array("\(quarantine)".utf8)]
        if case .claim = self { arguments.append(Array(node.utf8)) }
        return .script(script, keys: LinkKeys.all, arguments: arguments + words)
    }
}

/// The store's answer to a request, as far as it can be read.
struct LinkAnswer {
    private let parts: [StoreReply]

    init?(_ reply: StoreReply) {
        guard case .array(let parts) = reply, parts.count >= 1 else { return nil }
        self.parts = parts
    }

    func number(_ index: Int) -> Int? { index < parts.count ? Stored.number(parts[index]) : nil }

    /// The fields and values from `index` on; what is no such pair is passed over.
    func pairs(from index: Int) -> [(field: [UInt8], value: [UInt8])] {
        stride(from: index, to: parts.count - 1, by: 2).compactMap {
            guard case .bytes(let field) = parts[$0], case .bytes(let value) = parts[$0 + 1] else { return nil }
            return (field, value)
        }
    }
}
