/// One measured value, as it is named on the wire. Its kind is its type: what is asked which tier to be on takes
/// `OwnSignal`, and so can't be given a cause.
package enum Signal: Hashable, CaseIterable, Sendable {
    case own(OwnSignal)
    case cause(Cause)

    /// In the order in which they are shown.
    package static let allCases = OwnSignal.allCases.map(Signal.own) + Cause.allCases.map(Signal.cause)

    /// Its place among `allCases`.
    var index: Int {
        switch self {
        case .own(let signal): signal.rawValue
        case .cause(let cause): OwnSignal.allCases.count + cause.rawValue
        }
    }

    package var name: StaticString {
        switch self {
        case .own(let signal): signal.name
        case .cause(let cause): cause.name
        }
    }

    /// "own" or "cause", as on the wire.
    package var kind: StaticString {
        switch self {
        case .own: "own"
        case .cause: "cause"
        }
    }

    /// Of its values: "ms" (milliseconds), "ratio" (a share of 0 … 1), or "percent" of the time.
    package var unit: String {
        switch self {
        case .own(let signal): signal.unit
        case .cause(let cause): cause.unit
        }
    }

    /// The signal of this name; nil for none.
    package init?(named name: some StringProtocol) {
        guard let signal = Self.allCases.first(where: { "\($0.name)" == name }) else { return nil }
        self = signal
    }
}

// Each by its name, where it is read and where it stands in a table.
extension Signal {
    package static let loopLag = Signal.own(.loopLag)
    package static let queueDelay = Signal.own(.queueDelay)
    package static let cpuThrottled = Signal.own(.cpuThrottled)
    package static let memory = Signal.own(.memory)
    package static let memorySome = Signal.own(.memorySome)
    package static let memoryFull = Signal.own(.memoryFull)
    package static let openFiles = Signal.own(.openFiles)
    package static let sendQueue = Signal.own(.sendQueue)
    package static let connections = Signal.own(.connections)
    package static let outbox = Signal.own(.outbox)
    package static let cpu = Signal.cause(.cpu)
    package static let hostCPU = Signal.cause(.hostCPU)
    package static let steal = Signal.cause(.steal)
    package static let cpuPressure = Signal.cause(.cpuPressure)
    package static let ioPressure = Signal.cause(.ioPressure)
    package static let redisRoundtrip = Signal.cause(.redisRoundtrip)
}
