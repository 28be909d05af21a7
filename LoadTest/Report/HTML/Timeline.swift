/// The samples of a run as plots and their tables show them: at most 300, each for one second or for several.
///
/// Of several seconds a point has the mean of what was counted, the worst of latencies, pressure and tier, and the last
/// state of what only rises or stands.
struct Timeline: Sendable {
    static let pointsMax = 300

    let points: [LoadReport.Sample]
    /// How many seconds one point stands for.
    let secondsPerPoint: Int
    /// Where the x axis of all plots over time ends.
    let end: Double

    init(_ report: LoadReport) {
        let samples = report.timeline.filter(\.second.isFinite)
        let count = samples.count
        let width = max((count + Self.pointsMax - 1) / Self.pointsMax, 1)
        points = stride(from: 0, to: count, by: width).map { Self.merged(samples[$0..<min($0 + width, count)]) }
        secondsPerPoint = width
        let ends = [report.run.seconds, samples.last?.second ?? 0] + report.phases.map(\.endSecond)
        end = ends.filter(\.isFinite).max() ?? 0
    }

    private static func merged(_ samples: ArraySlice<LoadReport.Sample>) -> LoadReport.Sample {
        guard samples.count > 1, var result = samples.last else { return samples[samples.startIndex] }
        func mean(_ value: (LoadReport.Sample) -> Int) -> Int {
            (samples.reduce(0) { $0 + value($1) } + samples.count / 2) / samples.count
        }
        result.second = samples[samples.startIndex].second
        result.sent = mean(\.sent)
        result.delivered = mean(\.delivered)
        result.refused = mean(\.refused)
        result.p50 = samples.compactMap(\.p50).max()
        result.p99 = samples.compactMap(\.p99).max()
        result.max = samples.compactMap(\.max).max()
        result.pressure = samples.compactMap(\.pressure).max()
        result.tier = samples.compactMap(\.tier).max { Plot.Strip.tierRank($0) < Plot.Strip.tierRank($1) }
        result.shed = samples.last { $0.shed != nil }?.shed
        return result
    }

    /// Where point `index` begins and ends on the time axis.
    func extent(of index: Int) -> (from: Double, to: Double) {
        let from = points[index].second
        let to = index + 1 < points.count ? points[index + 1].second : from + Double(secondsPerPoint)
        return (from, min(max(to, from), max(end, from)))
    }

    /// Stretches of equal, known tiers.
    var tiers: [Plot.Band] {
        var bands: [Plot.Band] = []
        for (index, point) in points.enumerated() {
            guard let tier = point.tier else { continue }
            let (from, to) = extent(of: index)
            if let last = bands.last, last.name == tier, last.to == from {
                bands[bands.count - 1].to = to
            } else {
                bands.append(Plot.Band(name: tier, from: from, to: to))
            }
        }
        return bands
    }

    /// The kinds of shed work that ever happened, the most frequent first; of equals by name.
    var shedKinds: [String] {
        var totals: [String: Int] = [:]
        for (kind, count) in points.lazy.compactMap(\.shed).joined() { totals[kind] = max(totals[kind] ?? 0, count) }
        return totals.filter { $0.value > 0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
    }
}
