import ArgumentParser
import Core
import NetworkIO
import WireProtocol

/// `sluice links`
struct LinksCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "links",
        abstract: "Look at a cluster's outbound links, make, delete, enable and disable them.",
        discussion: """
            Asks one node over its API. API_KEY comes from the environment or .env, as for serve; of several the first \
            one is sent.

            Exit status: 0 when it was done; 1 when the node refuses, as there is no such link or there is one \
            already; 64 when the command line is wrong; 69 when the node, or the Redis of its links, is not there; 77 without \
            the right API key.
            """,
        subcommands: [ListLinks.self, AddLink.self, EnableLink.self, DisableLink.self, RemoveLink.self])

    /// The path of a link.
    static func path(_ id: String, _ behind: String = "") throws -> String {
        guard Identifier(validating: id) != nil else { throw ValidationError("ID: \(Identifier.rule)") }
        return "/api/links/\(encoded(id))\(behind)"
    }

    /// A part of a path or query with all characters escaped that mean something there (RFC 3986 §2.1).
    static func encoded(_ text: String) -> String {
        let hex = Array("0123456789ABCDEF".utf8)
        let bytes = text.utf8.flatMap { byte -> [UInt8] in
            let character = Character(UnicodeScalar(byte))
            let isPlain = byte < 0x80 && (character.isLetter || character.isNumber || "-_~.".contains(character))
            return isPlain ? [byte] : [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// One link of an answer, as far as it is shown.
private struct LinkLine {
    static let titles = ["ID", "STATE", "OWNER", "ROOM", "RECONNECTS", "DROPPED", "URL"]

    let cells: [String]

    /// - Parameter bytes: the object of one link.
    init(_ bytes: UnsafeRawBufferPointer) throws {
        var values: [String: JSONValue] = [:]
        for member in try JSONDocument.members(of: bytes) { values[member.name] = member.value }
        func text(_ name: String) -> String {
            values[name].map { $0.text ?? String(decoding: $0.raw, as: UTF8.self) } ?? "-"
        }
        let isEnabled = values["enabled"].map { $0.raw.elementsEqual("true".utf8) } ?? true
        cells = [
            text("id"), isEnabled ? text("state") : "disabled", text("owner"), text("room"), text("reconnects"),
            text("dropped"), text("url"),
        ]
    }

    /// A table with a line of titles.
    static func table(_ lines: [LinkLine]) -> [String] {
        let rows = [titles] + lines.map(\.cells)
        let widths = titles.indices.dropLast().map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths + [0]).map { $0.padding(toWidth: $1) }.joined(separator: "  ")
        }
    }
}

extension String {
    fileprivate func padding(toWidth width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}

/// `sluice links list`
struct ListLinks: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "All links, by id.")

    @OptionGroup var node: NodeAPI

    @Flag(help: "One link a line, as the API gives it.")
    var json = false

    func run() throws {
        var lines: [LinkLine] = []
        var cursor: String? = ""
        while let after = cursor {
            let place = after.isEmpty ? "" : "&cursor=\(LinksCommand.encoded(after))"
            let body = try node.ask(.init(target: "/api/links?limit=500\(place)"))
            cursor = try body.withUnsafeBytes { bytes in
                let members = try JSONDocument.members(of: bytes)
                let links = try members.first { $0.name == "links" }.map { try JSONDocument.elements(of: $0.value.raw) }
                for link in links ?? [] {
                    if json { Output.line(String(decoding: link.raw, as: UTF8.self)) }
                    lines.append(try LinkLine(link.raw))
                }
                return members.first { $0.name == "next_cursor" }?.value.text
            }
        }
        guard !json else { return }
        for line in LinkLine.table(lines) { Output.line(line) }
    }
}

/// `sluice links add`
struct AddLink: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Make a link.",
        discussion: "Its host must be in LINK_ALLOWED_HOSTS of the nodes. Writes the id of the link.")

    @OptionGroup var node: NodeAPI

    @Argument(help: "Where it leads: ws://… or wss://…")
    var target: String

    @Option(help: "Its id. (default: made by the node)")
    var id: String?

    @Option(help: "A name for people. (default: the id)")
    var name: String?

    @Option(help: "The room that it is bridged to. (default: none)")
    var room: String?

    @Flag(help: "Read headers of the handshake from standard input, one \"Name: value\" a line: nobody else sees them.")
    var headers = false

    @Option(help: "The subprotocol to ask for.")
    var subprotocol: String?

    @Option(help: "Between two pings, 1 to 300.")
    var heartbeatSeconds: Int?

    @Option(help: "How long it waits after a take-over, 0 to 300.")
    var cooldownSeconds: Int?

    @Flag(help: "Messages of the room wait while the link is down.")
    var replay = false

    @Flag(help: "It goes on while its node can't reach Redis, though another node may hold it, too.")
    var keep = false

    @Flag(help: "Not to be dialled before it is enabled.")
    var disabled = false

    func run() throws {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("url", target)
        if let id { writer.member("id", id) }
        if let name { writer.member("name", name) }
        if let room { writer.member("room", room) }
        if let subprotocol { writer.member("subprotocol", subprotocol) }
        if let heartbeatSeconds { writer.member("heartbeat_seconds", heartbeatSeconds) }
        if let cooldownSeconds { writer.member("cooldown_seconds", cooldownSeconds) }
        writer.member("replay", replay)
        writer.member("partition", keep ? "keep" : "close")
        writer.member("enabled", !disabled)
        if headers {
            writer.name("headers")
            writer.beginObject()
            for (name, value) in try Self.readHeaders() {
                writer.name(dynamic: name)
                writer.string(value)
            }
            writer.endObject()
        }
        writer.endObject()
        let answer = try node.ask(.init(method: .post, target: "/api/links", body: writer.array))
        let id = try answer.withUnsafeBytes { try JSONDocument.members(of: $0).first { $0.name == "id" }?.value.text }
        Output.line(id ?? "")
    }

    private static func readHeaders() throws -> [(String, String)] {
        var headers: [(String, String)] = []
        while let line = readLine() {
            guard !line.isEmpty else { continue }
            guard let colon = line.firstIndex(of: ":") else {
                throw ValidationError("--headers: each line must be \"Name: value\"")
            }
            headers.append((String(line[..<colon]), String(line[line.index(after: colon)...].drop { $0 == " " })))
        }
        return headers
    }
}

/// `sluice links enable`
struct EnableLink: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "enable", abstract: "Have a link dialled.")

    @OptionGroup var node: NodeAPI
    @Argument var id: String

    func run() throws {
        _ = try node.ask(.init(method: .post, target: try LinksCommand.path(id, "/enable")))
    }
}

/// `sluice links disable`
struct DisableLink: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "disable", abstract: "End a link's connection.")

    @OptionGroup var node: NodeAPI
    @Argument var id: String

    func run() throws {
        _ = try node.ask(.init(method: .post, target: try LinksCommand.path(id, "/disable")))
    }
}

/// `sluice links rm`
struct RemoveLink: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rm", abstract: "Delete a link.")

    @OptionGroup var node: NodeAPI
    @Argument var id: String

    func run() throws { _ = try node.ask(.init(method: .delete, target: try LinksCommand.path(id))) }
}
