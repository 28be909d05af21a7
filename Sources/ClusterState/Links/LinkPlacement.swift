import Core
import Glibc

/// Which node should have which link: weighted rendezvous hashing, and no node above its even share.
///
/// All nodes that see the same nodes and owners come to the same result, without asking each other. A link stays where
/// it is while its owner has no more than its share.
package struct LinkPlacement: Sendable {
    package struct Candidate: Equatable, Sendable {
        package let boot: String
        /// The name that is hashed: a node that starts again gets the links that it had.
        package let node: String
        package let weight: Int

        package init(boot: String, node: String, weight: Int) {
            self.boot = boot
            self.node = node
            self.weight = weight
        }
    }

    private struct Room {
        let seed: UInt64
        let weight: Double
        let share: Int
        var count = 0
    }

    private var rooms: [String: Room] = [:]

    /// - Parameters:
    ///   - candidates: the living nodes. When all have weight 0, each counts as 1.
    ///   - links: how many links the cluster must hold.
    package init(_ candidates: [Candidate], links: Int) {
        let isWeightless = candidates.allSatisfy { $0.weight == 0 }
        let whole = candidates.reduce(0) { $0 + (isWeightless ? 1 : $1.weight) }
        for one in candidates {
            let weight = isWeightless ? 1 : one.weight
            // Rounded up: the shares must hold all links.
            let share = whole == 0 ? 0 : (links * weight + whole - 1) / whole
            rooms[one.boot] = Room(seed: Self.hash(one.node.utf8), weight: Double(weight), share: share)
        }
    }

    /// Counts a link that the node has.
    package mutating func has(_ boot: String) {
        rooms[boot]?.count += 1
    }

    /// How many links the node has above its share.
    package func surplus(of boot: String) -> Int {
        rooms[boot].map { max(0, $0.count - $0.share) } ?? 0
    }

    /// Gives a link that nobody has to the best node with room for it, and counts it there. Call it for all such links
    /// in the order of their ids.
    package mutating func place(_ id: Identifier) -> String? {
        let hash = id.withBytes { Self.hash($0) }
        let best = rooms.filter { $0.value.count < $0.value.share }
            .max { Self.isBelow(Self.score($0.value, hash), $0.key, Self.score($1.value, hash), $1.key) }
        guard let boot = best?.key else { return nil }
        has(boot)
        return boot
    }

    /// How many nodes would be better for the link than this one, whatever they have: who comes after how many, should
    /// those before it not take the link.
    package func rank(of boot: String, for id: Identifier) -> Int {
        guard let own = rooms[boot] else { return rooms.count }
        let hash = id.withBytes { Self.hash($0) }
        let score = Self.score(own, hash)
        return rooms.count { Self.isBelow(score, boot, Self.score($0.value, hash), $0.key) }
    }

    private static func isBelow(_ left: Double, _ leftBoot: String, _ right: Double, _ rightBoot: String) -> Bool {
        (left, leftBoot) < (right, rightBoot)
    }

    /// The higher, the better: −weight / ln(u) of an even u between 0 and 1 (Schindelhauer and Schomaker, 2005).
    private static func score(_ room: Room, _ link: UInt64) -> Double {
        let mixed = mix(room.seed ^ link)
        let even = (Double(mixed >> 11) + 0.5) * 0x1p-53
        return -room.weight / log(even)
    }

    /// FNV-1a.
    private static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    /// The end of SplitMix64: near inputs get far outputs.
    private static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value &+ 0x9e37_79b9_7f4a_7c15
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
