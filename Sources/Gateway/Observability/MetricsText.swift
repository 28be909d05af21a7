import Core

/// Writes Prometheus' text format, version 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format): families of samples, each with
/// HELP and TYPE once.
package struct MetricsText {
    package static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

    package private(set) var bytes: [UInt8] = []
    private var definition: Metric.Definition?

    package init() { bytes.reserveCapacity(16 * 1024) }

    /// Begins a family; the samples that follow belong to it. Each metric once.
    package mutating func begin(_ metric: Metric) {
        let definition = metric.definition
        self.definition = definition
        put("# HELP ")
        put(definition.name)
        put(" ")
        put(escaped: "\(definition.help)", quotes: false)
        put("\n# TYPE ")
        put(definition.name)
        put(" \(definition.kind.rawValue)\n")
    }

    /// One sample of the family that was begun last.
    /// - Parameter labels: the values of its labels, in the order of the definition.
    package mutating func sample(_ labels: String..., value: Double) {
        guard let definition else { preconditionFailure("a sample belongs to a family") }
        precondition(labels.count == definition.labels.count, "\(definition.name) has other labels")
        put(definition.name)
        put(labels: zip(definition.labels, labels).map { ($0, $1) })
        put(value)
    }

    package mutating func sample(_ labels: String..., value: Int) {
        guard let definition else { preconditionFailure("a sample belongs to a family") }
        precondition(labels.count == definition.labels.count, "\(definition.name) has other labels")
        put(definition.name)
        put(labels: zip(definition.labels, labels).map { ($0, $1) })
        put(" \(value)\n")
    }

    /// The sum of histograms as the samples of the family that was begun last: cumulated buckets, sum and count, in
    /// seconds.
    package mutating func samples(of histograms: [BucketHistogram]) {
        guard let definition else { preconditionFailure("a sample belongs to a family") }
        // Each is read once: buckets and count must agree with each other while threads go on observing.
        let readings = histograms.map(\.counts)
        var total = 0
        for (index, bound) in BucketHistogram.boundsMicroseconds.enumerated() {
            total += readings.reduce(0) { $0 + $1[index] }
            put(bucketOf: definition, Self.text(Double(bound) / 1_000_000), total)
        }
        total += readings.reduce(0) { $0 + $1[BucketHistogram.boundsMicroseconds.count] }
        put(bucketOf: definition, "+Inf", total)
        put(definition.name)
        put("_sum")
        put(Double(histograms.reduce(0) { $0 + $1.sumMicroseconds }) / 1_000_000)
        put(definition.name)
        put("_count \(total)\n")
    }

    private mutating func put(bucketOf definition: Metric.Definition, _ bound: String, _ count: Int) {
        put(definition.name)
        put("_bucket{le=\"\(bound)\"} \(count)\n")
    }

    // MARK: Parts

    private mutating func put(labels: [(StaticString, String)]) {
        guard !labels.isEmpty else { return }
        for (index, (name, value)) in labels.enumerated() {
            put(index == 0 ? "{" : ",")
            put(name)
            put("=\"")
            put(escaped: value, quotes: true)
            put("\"")
        }
        put("}")
    }

    private mutating func put(_ value: Double) { put(" \(Self.text(value))\n") }

    /// A number as Go's ParseFloat takes it: whole ones without a fraction.
    private static func text(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
    }

    /// A backslash and a line's end are escaped; in label values quotes, too.
    private mutating func put(escaped text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): put("\\\\")
            case UInt8(ascii: "\n"): put("\\n")
            case UInt8(ascii: "\"") where quotes: put("\\\"")
            default: bytes.append(byte)
            }
        }
    }

    private mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }
    private mutating func put(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
