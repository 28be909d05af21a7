import TestSupport

/// The kinds of faults of one run: some runs have few of them, so that each is seen alone, too.
struct Faults: OptionSet {
    let rawValue: Int

    /// Connections to the store break, with what is on its way.
    static let breaks = Faults(rawValue: 1 << 0)
    /// The subscriber's connection alone breaks.
    static let interruptions = Faults(rawValue: 1 << 1)
    /// The store loses all, and no connection breaks.
    static let flushes = Faults(rawValue: 1 << 2)
    /// The store loses all with its connections.
    static let wipes = Faults(rawValue: 1 << 3)
    /// A replica that lagged behind takes over.
    static let lags = Faults(rawValue: 1 << 4)
    /// Nodes write to two copies, and one wins.
    static let splits = Faults(rawValue: 1 << 5)
    /// The store answers with errors, having done what was asked or not.
    static let refusals = Faults(rawValue: 1 << 6)
    /// Publications are lost without a word.
    static let losses = Faults(rawValue: 1 << 7)
    /// Something stands still for a while: a node, or a way.
    static let freezes = Faults(rawValue: 1 << 8)
    /// Clients go, and come back to any node.
    static let drops = Faults(rawValue: 1 << 9)

    static let count = 10
    /// After these the store may lack what clients have seen.
    static let losing: Faults = [.flushes, .wipes, .lags, .splits]

    static func any(_ random: inout SplitMix64) -> Faults {
        // One in eight runs has one kind of fault alone, beside clients that come and go.
        if random.next() % 8 == 0 { return [Faults(rawValue: 1 << Int.random(in: 0..<count, using: &random)), .drops] }
        return Faults(rawValue: Int(random.next() & random.next() % (1 << UInt64(count)))).union(.drops)
    }

    static let refusalCodes = [
        "NOREPLICAS", "NOPERM", "BUSY", "NOAUTH", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "OOM", "READONLY", "MISCONF",
        "WRONGTYPE", "LOADING",
    ]
}
