import ClusterState
import Core
import NetworkIO
import Overload
import WireProtocol

/// `/health`, `/ready`, `/metrics`, `/api/nodes` and `/api/system`
struct SystemAPI {
    private static let automaticTier = "auto"

    let services: any APIServices

    func health() -> Reply {
        let context = services.context
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("status", context.isDraining ? "draining" : "ok" as StaticString)
        writer.member("node", context.nodeID)
        writer.member("mode", context.mode.name)
        writer.member("tier", context.governor.current.tierInEffect.name)
        writer.member("uptime_seconds", context.uptimeSeconds)
        writer.member("version", Version.number)
        writer.endObject()
        return .now(.json(200, writer.array))
    }

    func ready() -> Reply {
        if services.context.isDraining { return draining }
        // A shortage that newcomers do not worsen takes the node out of nobody's sight: slow readers would do that.
        if case .resumesOnly = TierPolicy.of(services.context.governor.current.tiersInEffect).newConnections {
            return .now(.unavailable("the node is under heavy load", retrySeconds: 5))
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("status", "ready" as StaticString)
        writer.endObject()
        return .now(.json(200, writer.array))
    }

    /// `GET /api/nodes`: the cluster as this node knows it, itself included.
    func nodes() -> Reply {
        let nodes = services.otherNodes + [services.context.record(at: services.unixNow)]
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("nodes")
        writer.beginArray()
        for node in nodes.sorted(by: { ($0.node, $0.startedAt, $0.boot) < ($1.node, $1.startedAt, $1.boot) }) {
            node.write(to: &writer)
        }
        writer.endArray()
        writer.endObject()
        return .now(.json(200, writer.array))
    }

    /// `GET /api/system/status`
    func status() -> Reply {
        report(.status) {
            let context = services.context
            let process = ProcessStatus.read(root: context.configuration.procRoot, context)
            var writer = JSONWriter()
            StatusReport(
                context: context, nodeCount: services.otherNodes.count + 1, locks: services.locks, process: process,
                at: services.unixNow
            ).write(to: &writer)
            return .json(200, writer.array)
        }
    }

    /// `GET /metrics`
    func metrics() -> Reply {
        report(.metrics) {
            let report = MetricsReport(
                context: services.context, nodeCount: services.otherNodes.count + 1, locks: services.locks,
                at: Clock.monotonicMilliseconds())
            return HTTPResponse(
                status: 200, headers: [("Content-Type", MetricsText.mediaType), ("Cache-Control", "no-store")],
                body: report.bytes)
        }
    }

    /// Making a report costs some hundred microseconds, with reads of the kernel's files: one per tick is made.
    private func report(_ report: ReportCopies.Report, _ make: () -> HTTPResponse) -> Reply {
        .now(
            services.context.reports.find(report, ageMax: EventLoop.tickMilliseconds, at: services.now, make))
    }

    /// `GET /api/system/events`. A stream that is let in is counted from here on; its end gives the place back.
    func events(_ call: HTTPCall) -> Reply {
        let context = services.context
        if context.isDraining { return draining }
        let request = EventStreamRequest(
            lastEventID: call.request.header("last-event-id"), isHead: call.request.method == .head,
            client: call.client)
        guard request.isHead || context.budgets.addresses.takeStream(of: call.client) else {
            return .now(
                .rateLimited(
                    "an address may have \(AddressLimits.streamsMax) streams of events", retryMilliseconds: 10_000))
        }
        guard request.isHead || context.events.takeStream() else {
            context.budgets.addresses.giveBackStream(of: call.client)
            return .now(.unavailable("as many streams of events are open as the node takes", retrySeconds: 10))
        }
        return .events(request)
    }

    /// `PUT /api/system/tier`: holds the node on a tier, or lets it go.
    func setTier(_ call: HTTPCall) throws(APIFault) -> Reply {
        let tier = try call.withFields { table throws(APIFault) in
            try asAPIFault { () throws(FieldFault) in try Self.tier(table) }
        }
        let requests = services.context.mail.governor
        return .later { requests.post([.hold(tier, $0)]) }
    }

    private static let traceSeconds = 60

    /// `GET /api/system/governor/trace`: as JSON lines, or as CSV where that is what the client accepts.
    func trace(_ call: HTTPCall) throws(APIFault) -> Reply {
        let most = UInt64(GovernorTrace.secondsMax)
        let seconds = Int(try call.number("seconds", in: 1...most) ?? UInt64(Self.traceSeconds))
        let wanted = TraceWanted(
            seconds: seconds,
            format: call.request.accepts("text/csv") ? .csv : .jsonLines)
        let requests = services.context.mail.governor
        return .later { requests.post([.trace(wanted, $0)]) }
    }

    /// The tier to hold; nil: the one that the signals ask for.
    private static func tier(_ table: borrowing FieldTable) throws(FieldFault) -> Tier? {
        let text = try table.string(.tier)?.text
        if text == automaticTier { return nil }
        guard let text, let tier = Tier(named: text) else {
            let names = Tier.allCases.map { "\"\($0.name)\"" }.joined(separator: ", ")
            throw .badField("\"tier\" must be \"\(automaticTier)\" or one of \(names)")
        }
        return tier
    }

    private var draining: Reply { .now(.unavailable("the node is draining", retrySeconds: 1)) }
}

extension NodeRecord {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("node", node)
        writer.member("address", address)
        writer.member("state", state.rawValue)
        writer.member("started_at", startedAt)
        writer.member("last_seen_at", lastSeenAt)
        writer.member("connections", connections)
        writer.member("tier", tier)
        writer.endObject()
    }
}
