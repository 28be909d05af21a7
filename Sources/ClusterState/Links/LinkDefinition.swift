import Core

/// An outbound connection that a cluster must hold: where to, which room it feeds, and how it is treated.
package struct LinkDefinition: Equatable, Sendable {
    package struct Header: Equatable, Sendable {
        package let name: String
        package let value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// How a link is treated whose owner can't reach the store: by then another node may hold it.
    package enum Partition: String, CaseIterable, Sendable {
        /// Its connection ends before another node can have one.
        case close
        /// It goes on: where two connections for a while do no harm.
        case keep
    }

    package let id: Identifier
    /// For people.
    package var name: String
    /// ws:// or wss://, without credentials; checked when it is defined.
    package var url: String
    /// Where arriving text is committed, and whose messages go out.
    package var room: Identifier?
    package var isEnabled = true
    /// Sent with the handshake. Secret: in no answer and in no log.
    package var headers: [Header] = []
    package var subprotocol: String?
    package var heartbeatSeconds = 30
    /// Nil: LINK_COOLDOWN_SECONDS.
    package var cooldownSeconds: Int?
    /// Whether messages that pass while the link is down are sent when it is up again, as far as the room's history
    /// has them.
    package var replays = false
    package var partition = Partition.close

    package init(id: Identifier, name: String, url: String, room: Identifier?) {
        self.id = id
        self.name = name
        self.url = url
        self.room = room
    }

    // MARK: As text in the store

    /// The format of the text. Another one has the same fields under the same names, or leaves them out.
    private static let format = 1

    /// A line `name=value` for each field. No value has a line end.
    package var text: [UInt8] {
        var lines = [
            "format=\(Self.format)", "name=\(name)", "url=\(url)", "enabled=\(isEnabled ? 1 : 0)",
            "heartbeat_seconds=\(heartbeatSeconds)",
            "replay=\(replays ? 1 : 0)",
        ]
        if partition != .close { lines.append("partition=\(partition.rawValue)") }
        if let cooldownSeconds { lines.append("cooldown_seconds=\(cooldownSeconds)") }
        if let room { lines.append("room=\(room)") }
        if let subprotocol { lines.append("subprotocol=\(subprotocol)") }
        lines += headers.map { "header=\($0.name)=\($0.value)" }
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// Reads a text; nil when it has no URL. Fields that are not known here are passed over, and what can't be read has
    /// its default.
    package init?(_ text: some Collection<UInt8>, id: Identifier) {
        var fields: [Substring: Substring] = [:]
        var headers: [Header] = []
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            if parts[0] == "header" {
                let header = parts[1].split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard header.count == 2, headers.count < LinkLimits.headersMax else { continue }
                headers.append(Header(name: String(header[0]), value: String(header[1])))
            } else {
                fields[parts[0]] = parts[1]
            }
        }
        guard let url = fields["url"], url.utf8.count <= LinkLimits.urlBytesMax else { return nil }
        let room = fields["room"].flatMap { Identifier(validating: String($0)) }
        self.init(id: id, name: fields["name"].map(String.init) ?? id.text, url: String(url), room: room)
        isEnabled = fields["enabled"] != "0"
        self.headers = headers
        subprotocol = fields["subprotocol"].map(String.init)
        heartbeatSeconds =
            fields["heartbeat_seconds"].flatMap { Stored.number($0.utf8, in: LinkLimits.heartbeatSeconds) }
            ?? heartbeatSeconds
        cooldownSeconds = fields["cooldown_seconds"].flatMap { Stored.number($0.utf8, in: LinkLimits.cooldownSeconds) }
        replays = fields["replay"] == "1"
        partition = fields["partition"].flatMap { Partition(rawValue: String($0)) } ?? partition
    }
}
