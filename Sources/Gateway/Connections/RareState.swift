import Core

/// State of a connection that few need. It lies beside the connection, so that an idle one stays small: memory for it
/// is there from the first use on, and as long as something is in it.
///
/// Thread: the connection's.
struct RareState {
    private final class Held {
        var client: Client?
        var wait: KeptInput?
        var closeReason: CloseReason?
        var upkeep: Upkeep?
        var flood: FloodCounter?
        var grant: TokenGrant?

        var isEmpty: Bool {
            wait == nil && client == nil && closeReason == nil && upkeep == nil && flood == nil && grant == nil
        }
    }

    private var held: Held?

    /// Counted in the address book.
    var client: Client? {
        get { held?.client }
        set { set(newValue) { $0.client = newValue } }
    }

    /// Input that waits for an answer.
    var wait: KeptInput? {
        get { held?.wait }
        set { set(newValue) { $0.wait = newValue } }
    }

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

    /// The rights by the connection's token.
    var grant: TokenGrant? {
        get { held?.grant }
        set { set(newValue) { $0.grant = newValue } }
    }

    /// Counts a refused frame; true when it makes a flood.
    mutating func countRefusal(at now: Int, policy: RatePolicy) -> Bool {
        var counter = held?.flood ?? FloodCounter()
        let isFlood = counter.refused(now: now, policy: policy)
        set(counter) { $0.flood = counter }
        return isFlood
    }

    /// - Parameter value: what `change` sets; nil makes no memory, and lets go of it when nothing else is in it.
    @inline(__always)
    private mutating func set<Value>(_ value: Value?, _ change: (Held) -> Void) {
        guard let held else {
            guard value != nil else { return }
            let made = Held()
            change(made)
            held = made
            return
        }
        change(held)
        if value == nil, held.isEmpty { self.held = nil }
    }
}
