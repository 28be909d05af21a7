import ClusterState
import Core
import Logging
import NetworkIO
import Rooms
import WireProtocol

/// A link that this node owns: dials, keeps the connection alive, and bridges it to the room. What is done when is
/// decided by `LinkMachine`.
///
/// Thread: that of the worker at which the room is at home.
final class Link {
    /// How long a close handshake may take when the link is given up.
    private static let closeMilliseconds = 500

    let held: HeldLink
    /// As whom it speaks in its room.
    let author: LinkAuthor
    private(set) lazy var input = LinkInput(of: self)
    private(set) lazy var output = LinkOutput(of: self, held.record)
    private(set) var connection: LinkConnection?
    /// The link's room; nil while there is no place for it.
    weak var owner: RoomOwner?
    private unowned let table: LinkTable
    private var machine: LinkMachine
    private var resolver: NameResolver?
    /// Addresses that are left to be tried.
    private var others: ArraySlice<SocketAddress> = []
    private var lastHeardAt: Int?
    private var reported: LinkRecord?
    private var reportDueAt = 0
    /// The link is given up: until when its connection may be there.
    private var closeEnd: Int?

    init(_ held: HeldLink, in table: LinkTable) {
        self.held = held
        self.table = table
        let (desk, isKept) = (table.core.context.links, held.definition.partition == .keep)
        let fence = held.fence
        author = LinkAuthor(id: held.definition.id, token: held.token) { isKept || desk.mayAct(since: fence) }
        lastHeardAt = held.record.lastHeardAt
        machine = LinkMachine(
            wait: held.wait, heartbeatSeconds: held.definition.heartbeatSeconds, record: held.record,
            at: table.core.loop.now)
    }

    var id: Identifier { held.definition.id }
    var definition: LinkDefinition { held.definition }
    private var core: WorkerCore { table.core }
    private var now: Int { core.loop.now }

    /// Whether this node owns the link now, or goes on as if it did.
    var mayAct: Bool { author.mayAct() }

    var record: LinkRecord {
        var record = LinkRecord()
        record.state = machine.state
        record.lastHeardAt = lastHeardAt
        record.reconnects = machine.reconnects
        record.dropped = output.dropped
        record.position = output.settled
        return record
    }

    // MARK: Life

    /// At each tick, and once in the beginning.
    func ticked() {
        if let closeEnd {
            if now >= closeEnd { connection?.reset() }
            return
        }
        guard mayAct else { return abandon() }
        if definition.room != nil, owner == nil { table.openRoom(of: self) }
        switch machine.ticked(at: now) {
        case .dial: dial()
        case .ping: connection?.ping()
        case .abandon: abandon()
        case nil: break
        }
        input.ticked()
        output.pump()
        report()
    }

    /// The node gives the link up. `table.closed` is called once the connection has ended.
    func drop(atOnce: Bool) {
        closeEnd = now + Self.closeMilliseconds
        resolver?.cancel()
        resolver = nil
        others = []
        guard let connection else { return table.closed(self) }
        if atOnce { connection.reset() } else { connection.close(.goingAway) }
    }

    private func report() {
        let record = record
        // What a replay goes on from is reported at once.
        let isMoved = definition.replays && record.position != reported?.position
        let isUrgent = isMoved || record.state != reported?.state
        guard record != reported, isUrgent || now >= reportDueAt else { return }
        (reported, reportDueAt) = (record, now + 1_000)
        core.context.mail.links.post([.stands(id, token: held.token, record)])
    }

    // MARK: Dialling

    private func dial() {
        let url = held.url
        if let address = try? SocketAddress(numericHost: url.host, port: url.port) { return dial([address]) }
        do throws(SystemError) {
            resolver = try NameResolver(host: url.host, port: url.port, loop: core.loop) { [weak self] result in
                switch result {
                case .success(let addresses): self?.dial(addresses[...])
                case .failure(let failure): self?.failed("look-up: \(failure.description)")
                }
            }
        } catch {
            failed(error.description)
        }
    }

    private func dial(_ addresses: ArraySlice<SocketAddress>) {
        resolver = nil
        others = addresses
        var refusal = "look-up: no address"
        while let address = others.popFirst() {
            guard core.configuration.linkHosts.allows(address) else {
                refusal = "\(address.hostText) is not in LINK_ALLOWED_HOSTS"
                continue
            }
            do throws(SystemError) {
                connection = try LinkConnection(
                    to: address, securedWith: held.url.isSecure ? table.peer(held.url.host) : nil, request: request,
                    messageBytesMax: core.configuration.messageBytesMax, link: self, loop: core.loop)
                return
            } catch {
                refusal = error.description
            }
        }
        failed(refusal)
    }

    private var request: WebSocketRequest {
        WebSocketRequest(
            host: held.url.authority, target: held.url.target, key: WebSocketKey(),
            protocols: definition.subprotocol.map { [$0] } ?? [],
            headers: [("User-Agent", "sluice/\(Version.number)")] + definition.headers.map { ($0.name, $0.value) })
    }

    private func failed(_ why: String) {
        resolver = nil
        others = []
        log("a link can't be dialled", level: .debug, why)
        machine.ended(.failed, at: now, random: core.random.next())
        report()
    }

    /// Ends the connection, or the attempt.
    private func abandon() {
        if let connection { return connection.reset() }
        if resolver != nil {
            resolver?.cancel()
            failed("no answer in time")
        }
    }

    // MARK: What the connection says

    func heard() {
        machine.heard(at: now)
        if machine.isConnected { lastHeardAt = core.loop.unixNow }
    }

    func opened() {
        machine.opened(at: now)
        others = []
        lastHeardAt = core.loop.unixNow
        log("a link is connected", level: .info, nil)
        output.pump()
        report()
    }

    /// All that was sent is with the kernel.
    func drained() {
        output.pump()
        if definition.replays { report() }
    }

    func ended(_ connection: LinkConnection, _ end: WebSocketClientEnd) {
        guard connection === self.connection else { return }
        output.interrupted()
        self.connection = nil
        if closeEnd != nil { return table.closed(self) }
        if case .unreachable = end, !others.isEmpty, mayAct { return dial(others) }
        guard case .closed(let code, let reason) = end else { return failed(Self.words(end)) }
        log("a link's connection has ended", level: .info, Self.words(end))
        machine.ended(
            .closed(code: code), retryMilliseconds: Self.retryMilliseconds(reason), at: now,
            random: core.random.next())
        report()
    }

    private static func words(_ end: WebSocketClientEnd) -> String {
        switch end {
        case .unreachable(let text), .badHandshake(let text): text
        case .refused(let status): "the server answered \(status) instead of 101"
        case .timedOut: "no answer in time"
        case .closed(let code, let reason): reason.isEmpty ? "\(code)" : "\(code) \(reason)"
        }
    }

    /// The wait that a close reason asks for, as servers of this program write it.
    private static func retryMilliseconds(_ reason: String) -> Int? {
        Array(reason.utf8).withUnsafeBytes { bytes in
            let members = try? JSONDocument.members(of: bytes)
            let value = members?.first { $0.name == "retry_ms" }?.value
            return value.flatMap { Int(String(decoding: $0.raw, as: UTF8.self)) }
        }
    }

    private func log(_ text: Logger.Message, level: Logger.Level, _ why: String?) {
        var fields: Logger.Metadata = ["link": "\(id)", "url": "\(held.url)"]
        fields["why"] = why.map { "\($0)" }
        core.logger.log(level: level, text, metadata: fields)
    }
}

extension LinkHosts {
    fileprivate func allows(_ address: SocketAddress) -> Bool {
        IPAddress(address.hostText).map { allows($0, port: address.port) } ?? false
    }
}
