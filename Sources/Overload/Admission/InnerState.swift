/// How far an inner controller has gone: what it does against the work that it has too much of.
package struct InnerState: Sendable, Hashable {
    /// How far apart rounds are, 0: none. Milliseconds.
    package var roundMilliseconds = 0
    /// The highest priority that is not admitted whole; nil: nothing is shed.
    package var shed: Admission.Priority?
    /// Sources that are limited as the heaviest.
    package var limited = 0

    package init() {}

    /// Each part as far as the one that has gone farther.
    package func worst(with other: InnerState) -> InnerState {
        var worst = self
        worst.roundMilliseconds = max(roundMilliseconds, other.roundMilliseconds)
        worst.shed = [shed, other.shed].compactMap(\.self).max()
        worst.limited += other.limited
        return worst
    }
}

extension Admission.Priority {
    /// As traces name it.
    package var name: StaticString {
        switch self {
        case .typing: "typing"
        case .readMarks: "read_marks"
        case .reads: "reads"
        case .joins: "joins"
        case .messages: "messages"
        case .directs: "directs"
        }
    }
}
