import Core

/// A user's devices in a room on one other node.
package struct RemoteAttendance: Equatable, Sendable {
    package struct Device: Equatable, Sendable {
        package let device: Identifier
        package let deviceType: String?
        /// Unix milliseconds.
        package let connectedAt: Int

        package init(device: Identifier, deviceType: String?, connectedAt: Int) {
            self.device = device
            self.deviceType = deviceType
            self.connectedAt = connectedAt
        }
    }

    package let node: String
    package let devices: [Device]

    package init(node: String, devices: [Device]) {
        self.node = node
        self.devices = devices
    }

    /// The first line of a record.
    private static let format = "1"
    /// A later time of a connection is none: 2^53.
    private static let timeMax = 1 << 53

    /// As nodes send it to each other: the format, the node, and three lines for each device. None of the parts has a
    /// line break.
    package var record: [UInt8] {
        var lines = [Self.format, node]
        for device in devices {
            lines += [device.device.text, device.deviceType ?? "", String(device.connectedAt)]
        }
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// Reads a record; nil when it is empty: nobody is there. One that can't be read, of another format, says that
    /// somebody is there, with devices that are not known; so does a part of one.
    package init?(record: [UInt8]) {
        guard !record.isEmpty else { return nil }
        let lines = String(decoding: record, as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count >= 2, lines[0] == Self.format else {
            self.init(node: "", devices: [])
            return
        }
        var devices: [Device] = []
        for start in stride(from: 2, to: lines.count - 2, by: 3) {
            guard let device = Identifier(validating: lines[start]) else { continue }
            let (type, time) = (lines[start + 1], Int(lines[start + 2]) ?? 0)
            let isType = Array(type.utf8).withUnsafeBytes { TypeName.isValid($0) }
            devices.append(
                Device(
                    device: device, deviceType: isType ? type : nil,
                    connectedAt: (0...Self.timeMax).contains(time) ? time : 0))
        }
        self.init(node: lines[1], devices: devices)
    }
}

/// Who is in a room on the other nodes of a cluster. Pure; thread: the room's home's.
package struct RemoteRoster: Sendable {
    /// By user, then by the run of the node.
    private var users: [Identifier: [String: RemoteAttendance]] = [:]

    package init() {}

    package var isEmpty: Bool { users.isEmpty }
    package func contains(_ user: Identifier) -> Bool { users[user] != nil }
    package var all: [Identifier] { Array(users.keys) }
    package func attendances(of user: Identifier) -> [RemoteAttendance] {
        entries(of: user).map(\.attendance)
    }

    /// Devices of all users on all nodes.
    package var deviceCount: Int { users.values.reduce(0) { $0 + $1.values.reduce(0) { $0 + $1.devices.count } } }

    /// A user's devices on a node, as that said; nil: that the user is not in on it.
    package func attendance(of user: Identifier, by boot: String) -> RemoteAttendance? { users[user]?[boot] }

    /// A node said what a user is in with; nil: with nothing any more.
    package mutating func heard(_ user: Identifier, by boot: String, _ attendance: RemoteAttendance?) {
        users[user, default: [:]][boot] = attendance
        if users[user]?.isEmpty == true { users[user] = nil }
    }

    /// The entries of each node for a user, by the node's boot.
    package func entries(of user: Identifier) -> [(boot: String, attendance: RemoteAttendance)] {
        (users[user] ?? [:]).map { ($0.key, $0.value) }.sorted { $0.attendance.node < $1.attendance.node }
    }

    /// The users whom a node has named.
    package func users(of boot: String) -> [Identifier] {
        users.compactMap { $0.value[boot] == nil ? nil : $0.key }
    }

    /// All that was heard, by node and user.
    package var entries: [(boot: String, user: Identifier)] {
        users.flatMap { user, boots in boots.keys.map { ($0, user) } }
    }
}
