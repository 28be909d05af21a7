import Core

/// State of a connection that few need. It lies beside the connection, so that an idle one stays small: memory for it
/// is there from the first use on, and as long as something is in it.
///
/// Thread: the connection's.
struct RareState {
    /// A client alone takes a third of what the rest does, and many connections have nothing else.
    private final class Counted {
        let client: Client
        init(_ client: Client) { self.client = client }
    }

    private final class Held {
        @exclusivity(unchecked) var counted: Counted?
        @exclusivity(unchecked) var wait: KeptInput?
        @exclusivity(unchecked) var closeReason: CloseReason?
        @exclusivity(unchecked) var upkeep: Upkeep?
        @exclusivity(unchecked) var flood: Flood?
        @exclusivity(unchecked) var grant: TokenGrant?
    }

    /// Refusals, and when the last one was, in loop milliseconds.
    private struct Flood {
        var counter = FloodCounter()
        var refusedAt: Int

        /// Whether the next refusal begins a new window in any case: it is as without a counter then.
        func isOver(at now: Int) -> Bool { now - refusedAt >= Int(FloodCounter.windowMilliseconds) }
    }

    private enum Content {
        case nothing
        case client(Counted)
        case more(Held)
    }

    private var content = Content.nothing

    @inline(__always)
    private var held: Held? { if case .more(let held) = content { held } else { nil } }

    /// Counted in the address book.
    var client: Client? {
        get { counted?.client }
        set {
            let counted = newValue.map(Counted.init)
            if let held {
                held.counted = counted
                letGoIfEmpty(held)
            } else {
                content = counted.map(Content.client) ?? .nothing
            }
        }
    }

    private var counted: Counted? {
        switch content {
        case .nothing: nil
        case .client(let counted): counted
        case .more(let held): held.counted
        }
    }

    /// Input that waits for an answer.
    @inline(__always)
    var wait: KeptInput? {
        get { held?.wait }
        set { set(newValue) { $0.wait = newValue } }
    }

    /// Whether input waits.
    @inline(__always)
    var isWaiting: Bool { if case .more(let held) = content { held.wait != nil } else { false } }

    /// The connection is closed for it once its messages are answered.
    var closeReason: CloseReason? {
        get { held?.closeReason }
        set { set(newValue) { $0.closeReason = newValue } }
    }

    /// The bucket of what keeps a connection up, such as pings; a full one until it is first used.
    var upkeep: Upkeep {
        get { held?.upkeep ?? Upkeep() }
        set { set(newValue) { $0.upkeep = newValue } }
    }

    /// Whether a ping waits that found no token in that bucket.
    @inline(__always)
    var hasLatePing: Bool { if case .more(let held) = content { held.upkeep?.latePing != nil } else { false } }

    /// Takes the ping that waits.
    mutating func takeLatePing() -> [UInt8]? {
        guard let held, let payload = held.upkeep?.latePing else { return nil }
        held.upkeep?.latePing = nil
        return payload
    }

    /// Lets go of a bucket that has filled again, and of refusals that are long ago: it is as without them.
    /// - Parameter now: loop milliseconds.
    mutating func settle(at now: Int) {
        guard let held else { return }
        if let upkeep = held.upkeep, !upkeep.isInUse(at: now) { held.upkeep = nil }
        if let flood = held.flood, flood.isOver(at: now) { held.flood = nil }
        letGoIfEmpty(held)
    }

    /// The rights by the connection's token.
    var grant: TokenGrant? {
        get { held?.grant }
        set { set(newValue) { $0.grant = newValue } }
    }

    /// Counts a refused frame; true when it makes a flood.
    mutating func countRefusal(at now: Int, policy: RatePolicy) -> Bool {
        var flood = held?.flood ?? Flood(refusedAt: now)
        flood.refusedAt = now
        let isFlood = flood.counter.refused(now: now, policy: policy)
        set(flood) { $0.flood = flood }
        return isFlood
    }

    /// - Parameter value: what `change` sets; nil makes no memory, and lets go of it when nothing else is in it.
    @inline(__always)
    private mutating func set<Value>(_ value: Value?, _ change: (Held) -> Void) {
        guard let held else {
            guard value != nil else { return }
            let made = Held()
            made.counted = counted
            change(made)
            content = .more(made)
            return
        }
        change(held)
        if value == nil { letGoIfEmpty(held) }
    }

    private mutating func letGoIfEmpty(_ held: Held) {
        let isEmpty =
            held.wait == nil && held.closeReason == nil && held.upkeep == nil && held.flood == nil && held.grant == nil
        guard isEmpty else { return }
        content = held.counted.map(Content.client) ?? .nothing
    }
}
