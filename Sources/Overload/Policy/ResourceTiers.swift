/// The tier of each resource; the node's is the highest of them.
package struct ResourceTiers: Sendable, Hashable {
    /// Two bits for each resource.
    private var bits: UInt16 = 0

    /// The same tier of all: what an operator holds the node on.
    package init(all tier: Tier) {
        for resource in Resource.allCases { self[resource] = tier }
    }

    package subscript(_ resource: Resource) -> Tier {
        get { Tier(rawValue: Int(bits >> shift(resource)) & 3) ?? .heavy }
        set { bits = bits & ~(3 << shift(resource)) | UInt16(newValue.rawValue) << shift(resource) }
    }

    private func shift(_ resource: Resource) -> UInt16 { UInt16(resource.rawValue * 2) }

    package var highest: Tier {
        var (rest, most) = (bits, UInt16(0))
        while rest > 0 {
            most = max(most, rest & 3)
            rest >>= 2
        }
        return Tier(rawValue: Int(most)) ?? .heavy
    }

    /// The highest tier of some resources.
    package func highest(of resources: [Resource]) -> Tier { resources.map { self[$0] }.max() ?? .normal }
}
