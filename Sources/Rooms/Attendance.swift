import Core

/// The connections of one user in one place (a room, or the node): those that live, and those that were lost and may
/// come back within the grace, during which others still see them.
///
/// One pointer for a user with one living connection, as nearly all are.
package enum Attendance {
    case none
    case one(ConnectionInfo)
    case several(Several)

    /// More than one connection, or a lost one. Never changed: a new list takes its place.
    package final class Several {
        fileprivate let entries: [Entry]
        fileprivate init(_ entries: [Entry]) { self.entries = entries }
    }

    package struct Entry {
        package let info: ConnectionInfo
        /// When a lost connection is given up (loop milliseconds); nil while it lives.
        package let graceEnd: Int?
    }

    private init(_ entries: [Entry]) {
        switch (entries.count, entries.first) {
        case (0, _): self = .none
        case (1, let only?) where only.graceEnd == nil: self = .one(only.info)
        default: self = .several(Several(entries))
        }
    }

    package var entries: [Entry] {
        switch self {
        case .none: []
        case .one(let info): [Entry(info: info, graceEnd: nil)]
        case .several(let several): several.entries
        }
    }

    /// Whose connections these are.
    package var user: Identifier? {
        switch self {
        case .none: nil
        case .one(let info): info.user
        case .several(let several): several.entries.first?.info.user
        }
    }

    /// How many connections live.
    package var livingCount: Int {
        switch self {
        case .none: 0
        case .one: 1
        case .several(let several): several.entries.count { $0.graceEnd == nil }
        }
    }

    func isOf(_ user: Identifier) -> Bool {
        switch self {
        case .none: false
        case .one(let info): info.user == user
        case .several(let several): several.entries[0].info.user == user
        }
    }

    package var isEmpty: Bool { if case .none = self { true } else { false } }
    package var living: [ConnectionInfo] { entries.compactMap { $0.graceEnd == nil ? $0.info : nil } }

    package func isLiving(_ info: ConnectionInfo) -> Bool {
        switch self {
        case .none: false
        case .one(let only): only === info
        case .several(let several): several.entries.contains { $0.info === info && $0.graceEnd == nil }
        }
    }

    /// A connection came; a lost one of the same device is replaced by it. True when no other entry of that device,
    /// lost or living, was there.
    @discardableResult
    package mutating func joined(_ info: ConnectionInfo) -> Bool {
        if isEmpty {
            self = .one(info)
            return true
        }
        let isKnown = entries.contains { $0.info.device == info.device }
        let kept = entries.filter { $0.graceEnd == nil || $0.info.device != info.device }
        self = Attendance(kept + [Entry(info: info, graceEnd: nil)])
        return !isKnown
    }

    /// A living connection was lost: it counts until `graceEnd`.
    package mutating func lost(_ info: ConnectionInfo, graceEnd: Int) {
        guard isLiving(info) else { return }
        if case .one = self {
            self = .several(Several([Entry(info: info, graceEnd: graceEnd)]))
            return
        }
        self = Attendance(entries.filter { $0.info !== info } + [Entry(info: info, graceEnd: graceEnd)])
    }

    /// A connection left for good.
    package mutating func left(_ info: ConnectionInfo) {
        if case .one(let only) = self {
            if only === info { self = .none }
            return
        }
        self = Attendance(entries.filter { $0.info !== info })
    }

    /// Gives up lost connections whose grace is over; returns them.
    package mutating func expire(at now: Int) -> [ConnectionInfo] {
        let expired = entries.filter { $0.graceEnd.map { $0 <= now } ?? false }.map(\.info)
        if !expired.isEmpty {
            self = Attendance(entries.filter { entry in !expired.contains { $0 === entry.info } })
        }
        return expired
    }
}
