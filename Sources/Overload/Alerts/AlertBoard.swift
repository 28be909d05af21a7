/// Which alerts are on. Each has a mark that raises it and another that clears it, so that it is sent once each way.
///
/// A state machine. Times are milliseconds of one monotonic clock; `sampled` is called about once a second.
package struct AlertBoard: Sendable {
    /// Marks; of shares and counts "in a minute" the last `windowMilliseconds` count.
    package enum Mark {
        package static let connectionsRaised = 0.90
        package static let connectionsCleared = 0.85
        package static let errorsRaised = 0.01
        package static let errorsCleared = 0.005
        /// With fewer messages in a minute a share says nothing.
        package static let messagesMin = 500
        package static let slowReadersRaised = 10
        package static let slowReadersCleared = 1
        package static let windowMilliseconds = 60_000
    }

    /// More samples than this are not kept, however often they come.
    private static let samplesMax = 128

    private struct Sample {
        let time: Int
        let messages: Int
        let refused: Int
        let slowReadersClosed: Int
    }

    /// Of the last minute, and the last one before it, oldest first.
    private var samples: [Sample]
    /// In the order of `Alert.allCases`.
    package private(set) var active: [Alert.Active] = []

    /// The board of a node that has just started: its totals are 0.
    package init(at now: Int) { samples = [Sample(time: now, messages: 0, refused: 0, slowReadersClosed: 0)] }

    /// Judges a reading; what changed.
    /// - Parameter unix: Unix milliseconds, for people.
    package mutating func sampled(_ reading: AlertReading, at now: Int, unix: Int) -> [Alert.Change] {
        let minute = slide(reading, to: now)
        return Alert.allCases.compactMap { alert in
            let (value, verdict) = judge(alert, reading, minute)
            return settle(alert, value, verdict, at: unix)
        }
    }

    private enum Verdict { case raise, keep, clear }

    private static func verdict(raise: Bool, clear: Bool) -> Verdict { raise ? .raise : clear ? .clear : .keep }

    private func judge(_ alert: Alert, _ reading: AlertReading, _ minute: Minute) -> (value: Double, Verdict) {
        switch alert {
        case .connectionsNearCap:
            let share = Double(reading.connections) / Double(max(reading.connectionsMax, 1))
            return (
                share, Self.verdict(raise: share >= Mark.connectionsRaised, clear: share < Mark.connectionsCleared)
            )
        case .errorShare:
            let says = minute.messages >= Mark.messagesMin
            let share = minute.messages > 0 ? Double(minute.refused) / Double(minute.messages) : 0
            return (
                share,
                Self.verdict(raise: says && share > Mark.errorsRaised, clear: !says || share < Mark.errorsCleared)
            )
        case .redisLost:
            return (
                Double(reading.outboxMessages),
                Self.verdict(raise: reading.store == .lost, clear: reading.store == .here)
            )
        case .tierHeavy:
            return (
                Double(reading.tier.rawValue),
                Self.verdict(raise: reading.tier == .heavy, clear: reading.tier != .heavy)
            )
        case .slowReaders:
            return (
                Double(minute.slowReadersClosed),
                Self.verdict(
                    raise: minute.slowReadersClosed >= Mark.slowReadersRaised,
                    clear: minute.slowReadersClosed <= Mark.slowReadersCleared)
            )
        }
    }

    private mutating func settle(_ alert: Alert, _ value: Double, _ verdict: Verdict, at unix: Int) -> Alert.Change? {
        let place = active.firstIndex { $0.alert == alert }
        switch (verdict, place) {
        case (.raise, nil):
            let next = active.firstIndex { $0.alert.rawValue > alert.rawValue } ?? active.count
            active.insert(Alert.Active(alert, value: value, since: unix), at: next)
            return Alert.Change(alert, isActive: true, value: value)
        case (.clear, let place?):
            active.remove(at: place)
            return Alert.Change(alert, isActive: false, value: value)
        case (_, let place?):
            active[place].value = value
            return nil
        case (_, nil): return nil
        }
    }

    // MARK: The last minute

    private struct Minute {
        let messages: Int
        let refused: Int
        let slowReadersClosed: Int
    }

    /// Takes the reading in and lets go of what is older than a minute.
    private mutating func slide(_ reading: AlertReading, to now: Int) -> Minute {
        samples.append(
            Sample(
                time: now, messages: reading.messages, refused: reading.refused,
                slowReadersClosed: reading.slowReadersClosed))
        // The one in front is where the minute begins.
        while samples.count > 2, samples[1].time <= now - Mark.windowMilliseconds || samples.count > Self.samplesMax {
            samples.removeFirst()
        }
        let first = samples[0]
        return Minute(
            messages: reading.messages - first.messages, refused: reading.refused - first.refused,
            slowReadersClosed: reading.slowReadersClosed - first.slowReadersClosed)
    }
}
