import Core

/// Which rooms a claim names: by their names, or by how these begin (`news-*`; `*` alone names all).
package struct RoomPatterns: Sendable, Equatable {
    private let names: Set<Identifier>
    /// In order, and none begins with another one: at most one can be the beginning of a name, and it is the last that
    /// is not behind it.
    private let beginnings: [[UInt8]]

    /// The patterns of a claim, or nil when one of them can't name a room.
    package init?(_ patterns: [String]) {
        var names: Set<Identifier> = []
        var beginnings: [[UInt8]] = []
        for pattern in patterns {
            guard pattern.utf8.last == UInt8(ascii: "*") else {
                guard let name = Identifier(validating: pattern) else { return nil }
                names.insert(name)
                continue
            }
            let beginning = pattern.utf8.dropLast()
            // With one more byte it is a name: so "." and nothing at all can begin one.
            guard Identifier(validating: String(decoding: beginning, as: UTF8.self) + "x") != nil else { return nil }
            beginnings.append(Array(beginning))
        }
        self.names = names
        self.beginnings = beginnings.sorted { $0.lexicographicallyPrecedes($1) }
            .reduce(into: []) { kept, next in
                if kept.last.map({ next.starts(with: $0) }) != true { kept.append(next) }
            }
    }

    /// Whether a room is one of them.
    package func contains(_ room: Identifier) -> Bool {
        if names.contains(room) { return true }
        guard !beginnings.isEmpty else { return false }
        return room.withBytes { bytes in
            var (low, high) = (0, beginnings.count)
            while low < high {
                let middle = (low + high) / 2
                if bytes.lexicographicallyPrecedes(beginnings[middle]) { high = middle } else { low = middle + 1 }
            }
            return low > 0 && bytes.starts(with: beginnings[low - 1])
        }
    }
}
