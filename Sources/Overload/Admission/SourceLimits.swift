import Core

/// The sources of work that a worker takes less from, because it has more to do than it can and they are the cause:
/// each is admitted by a share of its own. A value.
package struct SourceLimits: Sendable {
    /// Sources that are limited at a time.
    package static let countMax = 16
    /// So much of a source is always admitted, so that it shows what it costs.
    package static let leastShare: Float = 0.02

    package struct Limit: Sendable {
        package let load: SourceLedger.Load
        /// The part that is admitted, 0 … 1.
        package fileprivate(set) var admitted: Float
        /// Shares that add up until one more is admitted.
        fileprivate var remainder: Float = 0
    }

    private(set) var limits: [Limit] = []

    package init() {}

    package var isEmpty: Bool { limits.isEmpty }

    /// Whether one more request of a source is admitted; if not, the share that is.
    mutating func refuses(_ key: SourceLedger.Key, user: Identifier?, address: IPAddress?) -> Float? {
        for place in limits.indices where Self.matches(limits[place].load.source, key, user, address) {
            limits[place].remainder += limits[place].admitted
            guard limits[place].remainder >= 1 else { return limits[place].admitted }
            limits[place].remainder -= 1
        }
        return nil
    }

    /// The same of what is said in a room.
    mutating func refuses(in room: Identifier) -> Float? {
        for place in limits.indices where limits[place].load.source == .room(room) {
            limits[place].remainder += limits[place].admitted
            guard limits[place].remainder >= 1 else { return limits[place].admitted }
            limits[place].remainder -= 1
        }
        return nil
    }

    private static func matches(
        _ source: SourceLedger.Source, _ key: SourceLedger.Key, _ user: Identifier?, _ address: IPAddress?
    ) -> Bool {
        switch source {
        case .single(let limited): limited == key
        case .user(let limited): limited == user
        case .address(let limited): limited == address
        case .room: false
        }
    }

    /// Whether nothing more can be taken from a source.
    func isExhausted(_ source: SourceLedger.Source) -> Bool {
        let limit = limits.first { $0.load.source == source }
        guard let limit else { return limits.count >= Self.countMax }
        return limit.admitted <= Self.leastShare
    }

    /// Takes from a source; true when it was not limited before.
    mutating func lower(_ load: SourceLedger.Load, by factor: Double) -> Bool {
        if let place = limits.firstIndex(where: { $0.load.source == load.source }) {
            limits[place].admitted = max(limits[place].admitted * Float(factor), Self.leastShare)
            return false
        }
        limits.append(Limit(load: load, admitted: max(Float(factor), Self.leastShare)))
        return true
    }

    /// Gives to all; those that are whole are forgotten.
    mutating func raise(by factor: Double, atLeast step: Double) {
        for place in limits.indices {
            let admitted = limits[place].admitted
            limits[place].admitted = max(admitted * Float(factor), admitted + Float(step))
        }
        limits.removeAll { $0.admitted >= 1 }
    }
}
