/// The name of an epoch: `own`, and behind it the epochs from which it came, the nearest one first, each with the seq
/// at which it was left: `own~parent:seq~grandparent:seq`.
///
/// So a position of an epoch that nobody alive followed still says what its client has seen of those before it. Source:
/// docs/decisions/0035-epochs-name-their-parents.md.
package enum EpochName {
    /// Former epochs that a name says.
    package static let parentsMax = 2
    /// Bytes of a whole name, at most; nodes make shorter ones.
    package static let byteCountMax = 128

    /// - Parameter lineage: the former epochs, the oldest first.
    package static func text(_ own: String, after lineage: Lineage) -> String {
        lineage.forks.suffix(parentsMax).reversed().reduce(own) { $0 + "~\(Self.own($1.epoch)):\($1.seq)" }
    }

    /// The part of a name that no other epoch has: the name without its parents.
    package static func own(_ name: String) -> Substring { name.prefix { $0 != "~" } }

    /// Whether a name is that of the epoch with this own name.
    package static func isOwn(_ name: String, _ own: Substring) -> Bool {
        name.hasPrefix(own) && (name.utf8.count == own.utf8.count || name.utf8.dropFirst(own.utf8.count).first == 0x7E)
    }

    /// The epochs from which one came, by their own names, the nearest one first. A client's word may be anything: what
    /// can't be read ends it.
    package static func parents(of name: String) -> [(own: Substring, seq: UInt64)] {
        var parents: [(own: Substring, seq: UInt64)] = []
        for part in name.split(separator: "~", omittingEmptySubsequences: false).dropFirst().prefix(parentsMax) {
            guard let colon = part.lastIndex(of: ":"), let seq = UInt64(part[part.index(after: colon)...])
            else { break }
            parents.append((part[..<colon], seq))
        }
        return parents
    }
}
