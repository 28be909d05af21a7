/// When those who were shed should come again: they are spread over the time in which as many are admitted, by the
/// rate that was measured. A value.
package struct DrainPace: Sendable {
    /// How long those who were refused are counted as waiting to come again, and rates are averaged over.
    private static let fadingMilliseconds = 1_000.0
    /// Nobody is asked to come sooner or later: sooner costs one more refusal, later leaves a node idle that has
    /// recovered.
    package static let milliseconds = 100...15_000

    /// By priority: requests per second that are admitted, and how many wait.
    private var admitted = [Double](repeating: 0, count: Admission.Priority.allCases.count)
    private var waiting = [Double](repeating: 0, count: Admission.Priority.allCases.count)

    package init() {}

    /// A window has ended.
    mutating func windowEnded(_ admission: Admission, elapsed: Int) {
        let weight = min(1, Double(max(elapsed, 1)) / Self.fadingMilliseconds)
        for priority in Admission.Priority.allCases {
            let (offered, refused) = admission.counts(of: priority)
            let rate = Double(offered - refused) * 1000 / Double(max(elapsed, 1))
            admitted[priority.rawValue] += (rate - admitted[priority.rawValue]) * weight
            waiting[priority.rawValue] = waiting[priority.rawValue] * (1 - weight) + Double(refused)
        }
    }

    /// How long one of a priority should wait on average, in milliseconds: the time in which those are admitted that
    /// wait already.
    package func milliseconds(for priority: Admission.Priority) -> Int {
        let seconds = waiting[priority.rawValue] / max(admitted[priority.rawValue], 1)
        return min(max(Int(seconds * 1000), Self.milliseconds.lowerBound), Self.milliseconds.upperBound)
    }
}
