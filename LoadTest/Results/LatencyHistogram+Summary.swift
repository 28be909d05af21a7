extension LatencyHistogram {
    /// The figures of a report, with a curve whose points lie denser towards the slowest.
    var summary: LoadReport.Latency {
        var quantiles = (0..<20).map { Double($0) / 20 }
        var rest = 0.05
        while rest * Double(max(count, 1)) >= 1, rest > 1e-7 {
            quantiles.append(1 - rest)
            rest /= 1.5
        }
        quantiles.append(1)
        return LoadReport.Latency(
            count: count, mean: meanMilliseconds ?? 0, p50: milliseconds(at: 50) ?? 0,
            p90: milliseconds(at: 90) ?? 0, p99: milliseconds(at: 99) ?? 0, p999: milliseconds(at: 99.9) ?? 0,
            max: maxMilliseconds ?? 0,
            curve: count == 0
                ? []
                : quantiles.map { quantile in
                    LoadReport.Latency.Point(
                        quantile: quantile,
                        milliseconds: quantile == 1 ? maxMilliseconds ?? 0 : milliseconds(at: quantile * 100) ?? 0)
                })
    }
}
