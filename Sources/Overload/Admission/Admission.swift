/// Which share of what arrives is admitted, by priority: what is least important is shed first (DAGOR, SoCC '18).
package struct Admission: Sendable {
    /// The requests of clients, in the order in which they are shed. Pings, closes, acks of the inbox, leaving a room
    /// and coming back to one are never shed.
    package enum Priority: Int, CaseIterable, Comparable, Sendable {
        case typing, readMarks, reads, joins, messages, directs

        /// How long it may wait in line and still be of use: an answer that comes later, or a message that others see
        /// later, meets somebody who has given it up. nil: it is as good as new, as a read mark is.
        package var usefulMilliseconds: Int? {
            switch self {
            case .typing: 2_000
            case .readMarks: nil
            case .reads, .joins, .messages: 10_000
            case .directs: 30_000
            }
        }

        package static func < (left: Priority, right: Priority) -> Bool { left.rawValue < right.rawValue }
    }

    /// Less than this is nothing; of messages so much is always admitted, so that it shows what one costs.
    package static let leastShare: Float = 0.01

    /// By priority; those beyond the last one stay whole.
    private var shares = SIMD8<Float>(repeating: 1)
    /// Shares that add up until one more is admitted: the admitted ones lie evenly between the others.
    private var remainders = SIMD8<Float>(repeating: 0)
    /// Since `begin`.
    private var offered = SIMD8<UInt32>(repeating: 0)
    private var refused = SIMD8<UInt32>(repeating: 0)
    /// Whether anything is shed.
    package private(set) var isShedding = false

    package init() {}

    /// Of one priority, 0 … 1.
    package func share(of priority: Priority) -> Double { Double(shares[priority.rawValue]) }

    /// The highest priority that is not admitted whole; nil: nothing is shed.
    package var shed: Priority? {
        isShedding ? Priority.allCases.last { shares[$0.rawValue] < 1 } : nil
    }

    /// Whether one more of a priority is admitted.
    @inline(__always)
    package mutating func admits(_ priority: Priority) -> Bool {
        offered[priority.rawValue] &+= 1
        guard isShedding, !takes(priority.rawValue) else { return true }
        refused[priority.rawValue] &+= 1
        return false
    }

    /// Of one priority since `begin`.
    func counts(of priority: Priority) -> (offered: Int, refused: Int) {
        (Int(offered[priority.rawValue]), Int(refused[priority.rawValue]))
    }

    private mutating func takes(_ index: Int) -> Bool {
        guard shares[index] < 1 else { return true }
        remainders[index] += shares[index]
        guard remainders[index] >= 1 else { return false }
        remainders[index] -= 1
        return true
    }

    /// How much was asked for since `begin`.
    package var offeredCount: Int {
        Priority.allCases.reduce(0) { $0 + Int(offered[$1.rawValue]) }
    }

    /// Counts what is asked for anew.
    package mutating func begin() { (offered, refused) = (SIMD8(repeating: 0), SIMD8(repeating: 0)) }

    /// Takes from the lowest priority that was asked for and that has something left.
    /// - Parameter factor: what is left of its share, 0 … 1.
    package mutating func lower(by factor: Double) {
        for priority in Priority.allCases where offered[priority.rawValue] > 0 {
            let index = priority.rawValue
            let least = priority < .messages ? 0 : Self.leastShare
            guard shares[index] > least else { continue }
            let lowered = shares[index] * Float(factor)
            shares[index] = lowered < Self.leastShare ? least : lowered
            isShedding = true
            return
        }
    }

    /// Gives to the highest priority that is not whole.
    /// - Parameters:
    ///   - factor: how much larger its share becomes, from 1.
    ///   - step: what is added at least.
    package mutating func raise(by factor: Double, atLeast step: Double) {
        guard let priority = Priority.allCases.last(where: { shares[$0.rawValue] < 1 }) else { return }
        let share = shares[priority.rawValue]
        shares[priority.rawValue] = min(max(share * Float(factor), share + Float(step)), 1)
        isShedding = Priority.allCases.contains { shares[$0.rawValue] < 1 }
    }
}
