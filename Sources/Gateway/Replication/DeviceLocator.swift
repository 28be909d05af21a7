import Core
import Rooms

/// A worker's questions to the other nodes about users: in which rooms their devices are there.
typealias DeviceLocator = NodeQuestions<DeviceRoomsAnswer>

/// A node's answer: the question's number, its run, and for each device a line with the device, and lines with a tab
/// and a room. Names contain neither.
package struct DeviceRoomsAnswer: NodeAnswer, Equatable {
    let question: Int
    let boot: String
    let rooms: [DeviceRooms]

    init(question: Int, boot: String, rooms: [DeviceRooms]) {
        self.question = question
        self.boot = boot
        self.rooms = rooms
    }

    package var payload: [UInt8] {
        var lines = [String(question), boot]
        for entry in rooms { lines += [entry.device.text] + entry.rooms.map { "\t" + $0.text } }
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// Reads it; nil when it is none.
    package init?(_ payload: [UInt8]) {
        let lines = String(decoding: payload, as: UTF8.self).split(separator: "\n").map(String.init)
        guard lines.count >= 2, let question = Int(lines[0]) else { return nil }
        var found: [(device: Identifier, rooms: [Identifier])] = []
        for line in lines.dropFirst(2) {
            if line.hasPrefix("\t") {
                guard !found.isEmpty, let room = Identifier(validating: String(line.dropFirst())) else { return nil }
                found[found.count - 1].rooms.append(room)
            } else {
                guard let device = Identifier(validating: line) else { return nil }
                found.append((device, []))
            }
        }
        self.init(
            question: question, boot: lines[1],
            rooms: found.map { DeviceRooms(device: $0.device, rooms: $0.rooms) })
    }
}
