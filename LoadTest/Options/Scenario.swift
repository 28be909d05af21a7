import ArgumentParser

/// The kinds of runs.
enum Scenario: String, Codable, Sendable, CaseIterable, ExpressibleByArgument {
    /// Few senders, one room that hears them all.
    case broadcast
    /// Ten members a room, all of them talking.
    case smallRooms = "small-rooms"
    /// Two members a room; one sends, and sends again when it has the ack.
    case echo
    /// Connections that only stay.
    case idle
    /// Connections that come and go.
    case churn
    /// All connections are cut at once and come back with their positions.
    case resumeStorm = "resume-storm"
    /// More and more than the server can do, and then its recovery.
    case overload

    /// Options that change what the scenario does, besides those of every scenario.
    var allowed: Set<ScenarioOption> {
        switch self {
        case .broadcast, .smallRooms, .echo: [.rooms, .senders, .messageRate, .payloadBytes, .window, .ramp]
        case .idle: [.rooms]
        case .churn: [.rooms]
        case .resumeStorm: [.rooms, .senders, .messageRate, .payloadBytes]
        case .overload: [.rooms, .senders, .payloadBytes, .capacity]
        }
    }
}

/// Options that not every scenario has a use for.
enum ScenarioOption: String, CaseIterable, Sendable {
    case rooms = "--rooms"
    case senders = "--senders"
    case messageRate = "--message-rate"
    case payloadBytes = "--payload-bytes"
    case window = "--window"
    case ramp = "--ramp"
    case capacity = "--capacity"
}
