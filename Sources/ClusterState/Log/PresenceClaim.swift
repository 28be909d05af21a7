import Core

/// The meaning of a change of presence for the cluster: the store says it in the step in which it makes the change, and
/// while that is away the node goes by its own knowledge.
package struct PresenceVerdict: OptionSet, Equatable, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) { self.rawValue = rawValue }

    /// The user was not there on this node, or is not any more.
    package static let changed = PresenceVerdict(rawValue: 1)
    /// No other node has the user.
    package static let alone = PresenceVerdict(rawValue: 2)
    /// Nobody else is there at all.
    package static let empty = PresenceVerdict(rawValue: 4)
    /// Somebody took this node's users away, and said so: it had counted as dead.
    package static let swept = PresenceVerdict(rawValue: 8)

    /// The parts of which others hear.
    package static let levels: PresenceVerdict = [.alone, .empty]

    /// Reads the answer of `presence.lua`; nil when it is something else.
    package init?(_ reply: StoreReply) {
        guard let number = Stored.number(reply), (0..<16).contains(number) else { return nil }
        self.init(rawValue: number)
    }
}

/// Where somebody came or went.
package enum PresencePlace: Equatable, Sendable {
    case room(Identifier)
    /// The connections of a user: being online.
    case user

    /// The events of an arrival or a departure, in their order.
    package func events(_ levels: PresenceVerdict, isArrival: Bool) -> [EventKind] {
        switch self {
        case .user: levels.contains(.empty) ? [isArrival ? .online : .offline] : []
        case .room where isArrival:
            (levels.contains(.empty) ? [.roomOccupied] : []) + (levels.contains(.alone) ? [.joined] : [])
        case .room: (levels.contains(.alone) ? [.left] : []) + (levels.contains(.empty) ? [.roomVacated] : [])
        }
    }
}

/// A user's arrival or departure on this node, of which the operator's server may hear: the node whose change the store
/// made sends the event. A value without a clock.
///
/// While the store is away the node says what it knows itself. What the store says later then adds what is missing, and
/// takes back what was not so.
package struct PresenceClaim: Equatable, Sendable {
    package let isArrival: Bool
    /// Unix milliseconds.
    package let time: Int
    /// The device that came.
    package let device: Identifier?
    /// As this node knows it.
    private let known: PresenceVerdict
    /// The part that lies with the other nodes: about the rest this node knows best.
    private let isOthers: PresenceVerdict
    /// All that was said without the store; nil: nothing was to be.
    private var said: PresenceVerdict?
    /// The store lacked the user: of that others hear only if they were made to believe it.
    private let isRepublished: Bool

    /// - Parameter isOthers: what other nodes may know otherwise; where this node has somebody else, they can't know
    ///   whether anybody is there.
    package init(
        isArrival: Bool, at time: Int, device: Identifier? = nil, known: PresenceVerdict,
        isOthers: PresenceVerdict = .levels, isRepublished: Bool = false
    ) {
        self.isOthers = isOthers
        self.isArrival = isArrival
        self.time = time
        self.device = device
        self.known = known
        self.isRepublished = isRepublished
    }

    /// The store can't be asked, or did not say whether it made the change: what must be said now.
    package mutating func unanswered() -> PresenceVerdict {
        guard said == nil, !isRepublished else { return [] }
        said = known.intersection(.levels)
        return known.intersection(.levels)
    }

    /// Whether the store could add something to what was said.
    package var isOpen: Bool { !isOthers.subtracting(said ?? []).isEmpty }

    /// The store has made the change.
    /// - Returns: what must be said, and what was said and is not so.
    package func answered(_ verdict: PresenceVerdict) -> (said: PresenceVerdict, takenBack: PresenceVerdict) {
        let levels = verdict.intersection(.levels)
        if isRepublished { return (verdict.isSuperset(of: [.changed, .swept]) ? levels : [], []) }
        guard let said else { return (verdict.contains(.changed) ? levels : [], []) }
        // One who was not there says nothing of others: the store may have lost those as well.
        let mayAdd = isArrival || verdict.contains(.changed)
        return (
            mayAdd ? levels.subtracting(said).intersection(isOthers) : [], isArrival ? [] : said.subtracting(levels)
        )
    }
}
