import Core
import Gateway
import Testing

@Suite("Prometheus' text format")
struct MetricsTextTests {
    private func text(_ write: (inout MetricsText) -> Void) -> String {
        var text = MetricsText()
        write(&text)
        return String(decoding: text.bytes, as: UTF8.self)
    }

    @Test("a family has HELP and TYPE once, then its samples")
    func family() {
        let made = text {
            $0.begin(.connectionsRefused)
            $0.sample("node_full", value: 3)
            $0.sample("draining", value: 0)
            $0.begin(.rooms)
            $0.sample(value: 12)
        }
        #expect(
            made == """
                # HELP sluice_connections_refused_total Connections that were refused.
                # TYPE sluice_connections_refused_total counter
                sluice_connections_refused_total{reason="node_full"} 3
                sluice_connections_refused_total{reason="draining"} 0
                # HELP sluice_rooms Rooms that this node has in memory.
                # TYPE sluice_rooms gauge
                sluice_rooms 12

                """)
    }

    @Test("backslashes, quotes and line ends in label values are escaped; other text stays")
    func escaping() {
        let made = text {
            $0.begin(.buildInfo)
            $0.sample("1.0", "a\\b\"c\nd é {}", value: 1)
        }
        #expect(made.hasSuffix("{version=\"1.0\",node=\"a\\\\b\\\"c\\nd é {}\"} 1\n"))
    }

    @Test(
        "numbers are as Go reads them",
        arguments: [
            (0.0, "0"), (3.0, "3"), (0.25, "0.25"), (-1.5, "-1.5"), (1e21, "1e+21"), (.infinity, "+Inf"),
            (-.infinity, "-Inf"), (.nan, "NaN"),
        ])
    func numbers(value: Double, written: String) {
        let made = text {
            $0.begin(.governorPressure)
            $0.sample(value: value)
        }
        #expect(made.hasSuffix("\nsluice_governor_pressure \(written)\n"))
    }

    @Test("buckets are cumulated over all histograms, the last one is +Inf and the count")
    func histograms() throws {
        let (first, second) = (BucketHistogram(), BucketHistogram())
        // On a bound, just above it, and above them all.
        first.observe(100)
        first.observe(101, times: 2)
        second.observe(100)
        second.observe(20_000_000)
        let made = text {
            $0.begin(.queueDelay)
            $0.samples(of: [first, second])
        }
        let lines = made.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(lines.count == BucketHistogram.boundsMicroseconds.count + 3)
        #expect(lines[0] == "sluice_queue_delay_seconds_bucket{le=\"0.0001\"} 2")
        #expect(lines[1] == "sluice_queue_delay_seconds_bucket{le=\"0.00025\"} 4")
        #expect(lines[15] == "sluice_queue_delay_seconds_bucket{le=\"10\"} 4")
        #expect(lines[16] == "sluice_queue_delay_seconds_bucket{le=\"+Inf\"} 5")
        #expect(lines[17] == "sluice_queue_delay_seconds_sum 20.000402")
        #expect(lines[18] == "sluice_queue_delay_seconds_count 5")
    }
}
