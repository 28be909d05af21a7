import NetworkIO
import Toolkit

/// A drill's effect on a node, and its undoing. `DrillRun` calls it, on the loop's thread.
protocol Strain: AnyObject {
    /// As in `sluice drill NAME`.
    var name: String { get }
    /// The signals that it is about; of several the one that presses most is shown.
    var signals: [String] { get }

    /// Looks at the node before anything is done to it.
    /// - Returns: what it will do to what, as a sentence's beginning: "3 threads of this machine compute".
    /// - Throws: `DrillRefusal`; `DrillUnreachable` of what else is needed.
    func prepare(for status: NodeStatus) throws -> String
    /// Begins.
    /// - Throws: `SceneFault`; what was done until then is undone all the same.
    func begin() throws
    /// A status has come.
    func statusArrived(_ status: NodeStatus)
    /// Goes on; called in each turn of the wait.
    /// - Throws: `SceneFault` when it can't.
    func turn() throws
    /// Says what it has done so far, and what else a status shows.
    func progress(_ status: NodeStatus?) -> String
    /// Ends all that it has begun; also what `begin` did not get through with.
    /// - Throws: `SceneFault` naming what is left.
    func undo() throws
    /// Takes away what could not be taken away before the node was normal again.
    /// - Throws: `SceneFault` naming what is left.
    func clearUp() throws
    /// Whether the node is back where it was, beside its tier.
    func isOver(_ status: NodeStatus) -> Bool
    /// The last words about it; empty: none.
    var outcome: String { get }
}

extension Strain {
    func statusArrived(_ status: NodeStatus) {}
    func clearUp() throws {}
    func isOver(_ status: NodeStatus) -> Bool { true }
    var outcome: String { "" }
}

/// Why a node is not strained.
struct DrillRefusal: Error {
    /// For the person at the terminal.
    let reason: String
    init(_ reason: String) { self.reason = reason }
}

/// The node, or its Redis, does not answer.
struct DrillUnreachable: Error {
    /// For the person at the terminal.
    let reason: String
    init(_ reason: String) { self.reason = reason }
}
