import Core
import Rooms

/// The model of an attendance or a room, as a plain list.
struct AttendanceModel {
    var entries: [(info: ConnectionInfo, graceEnd: Int?)] = []

    var living: [ConnectionInfo] { entries.filter { $0.graceEnd == nil }.map(\.info) }

    mutating func joined(_ info: ConnectionInfo) {
        entries.removeAll { $0.graceEnd != nil && $0.info.user == info.user && $0.info.device == info.device }
        entries.append((info, nil))
    }

    mutating func lost(_ info: ConnectionInfo, graceEnd: Int) {
        guard let index = entries.firstIndex(where: { $0.info === info && $0.graceEnd == nil }) else { return }
        entries[index].graceEnd = graceEnd
    }

    mutating func left(_ info: ConnectionInfo) { entries.removeAll { $0.info === info } }

    /// Whether some grace was over.
    mutating func expire(_ user: Identifier, at now: Int) -> Bool {
        let before = entries.count
        entries.removeAll { entry in entry.info.user == user && entry.graceEnd.map { $0 <= now } ?? false }
        return entries.count < before
    }
}
