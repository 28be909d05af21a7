/// Something that may be why the node hurts: others on the machine, the disk, Redis, or that it is busy itself. It is
/// shown, and named beside an own signal; it never brings a tier.
package enum Cause: Int, CaseIterable, Sendable {
    case cpu, hostCPU, steal, cpuPressure, ioPressure, redisRoundtrip

    package var name: StaticString {
        switch self {
        case .cpu: "cpu"
        case .hostCPU: "host_cpu"
        case .steal: "steal"
        case .cpuPressure: "cpu_pressure"
        case .ioPressure: "io_pressure"
        case .redisRoundtrip: "redis_roundtrip"
        }
    }

    /// Of its values: milliseconds, a share of 0 … 1, or percent of the time.
    var unit: String {
        switch self {
        case .redisRoundtrip: "ms"
        case .cpu: "ratio"
        case .hostCPU, .steal, .cpuPressure, .ioPressure: "percent"
        }
    }
}
