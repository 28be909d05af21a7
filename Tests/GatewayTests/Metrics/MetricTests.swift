import Gateway
import Overload
import Testing

@Suite("The list of metrics")
struct MetricTests {
    @Test("names are there once, and are as Prometheus' conventions have them")
    func names() {
        let definitions = Metric.allCases.map(\.definition)
        #expect(Set(definitions.map { "\($0.name)" }).count == definitions.count)
        for definition in definitions {
            let name = "\(definition.name)"
            #expect(name.hasPrefix("sluice_") || name.hasPrefix("process_"), "\(name)")
            #expect(name.utf8.allSatisfy { $0 == 0x5F || (0x61...0x7A).contains($0) }, "\(name)")
            #expect((definition.kind == .counter) == name.hasSuffix("_total"), "\(name)")
            #expect(definition.kind != .histogram || name.hasSuffix("_seconds"), "\(name)")
            #expect("\(definition.help)".hasSuffix(".") && !"\(definition.help)".contains("|"), "\(name)")
        }
    }

    @Test("what dashboards rely on is there")
    func promised() {
        let promised = [
            "sluice_connections", "sluice_rooms", "sluice_connections_accepted_total",
            "sluice_connections_refused_total", "sluice_messages_committed_total", "sluice_messages_delivered_total",
            "sluice_messages_refused_total", "sluice_shed_total", "sluice_tier", "sluice_pressure",
            "sluice_tier_transitions_total", "sluice_delivery_latency_seconds", "sluice_queue_delay_seconds",
            "sluice_loop_lag_seconds", "sluice_send_queue_bytes", "sluice_redis_state",
            "sluice_redis_roundtrip_seconds", "sluice_outbox_messages", "sluice_slow_consumers_closed_total",
            "sluice_lock_lost_total", "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds",
            "process_max_fds", "process_start_time_seconds",
        ]
        #expect(Set(promised).isSubset(of: Metric.allCases.map { "\($0.definition.name)" }))
    }

    @Test("docs/monitoring.md says when alerts come on, as the marks have it")
    func alerts() throws {
        #expect(try ProjectFile.table("alerts", in: "docs/monitoring.md") == Alert.documentTable())
    }

    @Test("docs/monitoring.md lists the values of the labels")
    func labels() throws {
        func row(_ label: String, _ names: [StaticString]) -> String {
            "| \(label) | " + names.map { "`\($0)`" }.joined(separator: ", ")
        }
        let rows = [
            row("`mode`", NodeMode.allCases.map(\.name)),
            row("`reason` of connections", ConnectionRefusal.allCases.map(\.name)),
            row("`reason` of messages", MessageRefusal.allCases.map(\.name)),
            row("`to`", Tier.allCases.map(\.name)),
        ]
        let text = try ProjectFile.text("docs/monitoring.md")
        for row in rows { #expect(text.contains(row + " |\n") || text.contains(row + ": "), "\(row)") }
    }

    @Test("docs/monitoring.md has the table that they make")
    func document() throws {
        #expect(try ProjectFile.table("metrics", in: "docs/monitoring.md") == Metric.documentTable())
    }
}
