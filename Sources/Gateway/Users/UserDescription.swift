import ClusterState
import Core
import Rooms
import WireProtocol

/// A part of a user's devices, by id ascending, of this node and of others. Pure.
struct DevicePage {
    enum Device {
        /// A connection here; its index in `here`.
        case here(Int)
        case elsewhere(RemoteAttendance.Device, node: String, boot: String)
    }

    private(set) var devices: [Device] = []
    /// The connections among them that this node has.
    private(set) var here: [ConnectionInfo] = []
    /// The last device's id, when there are more.
    private(set) var next: Identifier?
    /// Whether the user has any device.
    let isOnline: Bool

    init() { isOnline = false }

    /// - Parameters:
    ///   - elsewhere: devices on other nodes, by the nodes' runs.
    ///   - limit: devices at most; those with the id of the last one come, too, as the next page begins behind it.
    init(
        here infos: [ConnectionInfo], elsewhere: [(boot: String, attendance: RemoteAttendance)],
        after cursor: Identifier?, limit: Int
    ) {
        isOnline = !infos.isEmpty || !elsewhere.isEmpty
        var all: [(id: Identifier, info: ConnectionInfo?, device: Device)] = infos.map { ($0.device, $0, .here(0)) }
        for (boot, attendance) in elsewhere {
            all += attendance.devices.map {
                ($0.device, nil, .elsewhere($0, node: attendance.node, boot: boot))
            }
        }
        if let cursor { all.removeAll { !(cursor < $0.id) } }
        all.sort { $0.id < $1.id }
        for (index, each) in all.enumerated() {
            if index >= limit, all[index - 1].id != each.id {
                next = all[index - 1].id
                return
            }
            if let info = each.info {
                devices.append(.here(here.count))
                here.append(info)
            } else {
                devices.append(each.device)
            }
        }
    }
}

/// A user as the HTTP API shows it.
struct UserDescription {
    let user: Identifier
    /// This node.
    let node: String
    var page = DevicePage()
    /// The rooms of the page's connections here.
    var rooms: [DeviceRooms] = []
    /// Those of devices on other nodes, by the nodes' runs; of nodes that did not answer they are left out.
    var roomsElsewhere: [String: [DeviceRooms]] = [:]
    var pending = 0

    var response: HTTPResponse {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("user", user)
        writer.member("online", page.isOnline)
        writer.name("devices")
        writer.beginArray()
        for device in page.devices {
            writer.beginObject()
            switch device {
            case .here(let index):
                writer.device(page.here[index], on: node)
                write(rooms[index], to: &writer)
            case .elsewhere(let device, let node, let boot):
                writer.device(device, on: node)
                write(roomsElsewhere[boot]?.first { $0.device == device.device }, to: &writer)
            }
            writer.endObject()
        }
        writer.endArray()
        writer.member("inbox_pending", pending)
        if let next = page.next { writer.member("next_cursor", next) }
        writer.endObject()
        return .json(200, writer.array)
    }

    private func write(_ found: DeviceRooms?, to writer: inout JSONWriter) {
        guard let found else { return }
        writer.name("rooms")
        writer.beginArray()
        for room in found.rooms { writer.string(room) }
        writer.endArray()
    }
}
