import Foundations

/// What a room has not told its members yet, because the tier has it told later and all at once.
final class RoomDebts {
    /// Authors whose last `typing` is remembered.
    private static let typistsMax = 500

    /// The number of users has changed.
    var owesPresence = false
    /// Marks that rose, each user's latest.
    var marks: [Identifier: UInt64] = [:]
    /// When they were last told, loop milliseconds.
    var presenceToldAt = 0
    var marksToldAt = 0
    private var typists: [Identifier: (toldAt: Int, isTyping: Bool)] = [:]

    /// Whether members are told now that somebody types: once in so long, and its end when its beginning was told.
    func tellsTyping(_ user: Identifier, _ isTyping: Bool, every pause: Int, at now: Int) -> Bool {
        if let last = typists[user] {
            guard isTyping ? now - last.toldAt >= pause : last.isTyping else { return false }
        } else if !isTyping {
            return false
        }
        if typists.count >= Self.typistsMax { typists.removeAll() }
        typists[user] = (isTyping ? now : typists[user]?.toldAt ?? now, isTyping)
        return true
    }

    /// Nothing is owed, and nothing was told within `pause`.
    func isSettled(pause: Int, at now: Int) -> Bool {
        guard !owesPresence, marks.isEmpty, now - presenceToldAt >= pause, now - marksToldAt >= pause else {
            return false
        }
        typists = typists.filter { now - $0.value.toldAt < pause }
        return typists.isEmpty
    }
}
