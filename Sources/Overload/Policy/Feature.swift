/// Something that tiers give up, a row of their table, with what that mitigates.
///
/// A row is at the highest tier of the resources that it mitigates, so a tier takes only what helps against the signal
/// that brought it.
package enum Feature: CaseIterable, Sendable {
    case typing, presence, readMarks, reads, storage, messageRate, accepting, newConnections, messageBytes, rounds
    case sendQueue, heartbeat, http, compression

    package var mitigates: [Resource] {
        switch self {
        case .typing, .presence, .messageRate, .rounds, .heartbeat, .http, .compression: [.loop]
        case .readMarks, .storage: [.loop, .store]
        case .reads, .messageBytes: [.loop, .memory]
        case .accepting, .newConnections: [.loop, .memory, .places]
        case .sendQueue: [.memory, .sendQueue]
        }
    }
}
