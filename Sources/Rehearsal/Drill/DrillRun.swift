import NetworkIO
import Overload
import Toolkit

/// One drill, from the first look at the node to its return to normal.
package final class DrillRun {
    /// Exit statuses beside those of signals; sysexits(3).
    package enum Status {
        static let notNormal: Int32 = 1
        static let refused: Int32 = 64
        static let unavailable: Int32 = 69
        package static let systemFault: Int32 = 71
        static let fileNotWritten: Int32 = 73
    }

    /// For the first status.
    private static let firstStatusSeconds = 5
    /// While the node settles, a line comes with each change of its tier, and else so often.
    private static let settleLineSeconds = 5

    private let strain: any Strain
    private let site: DrillSite
    private let isNamed: Bool
    private let settleSeconds: Int
    private let file: String?
    private let traceFile: TraceFile?
    private let watch: StatusPoller
    private let screen = Screen(variables: ProcessEnvironment.variables)
    private var record: DrillRecord?
    private var beganAt = 0
    /// Unix milliseconds.
    private var beganAtTime = 0
    private var isStraining = false
    private var interruption: Interruption?
    private var fault: String?
    private var isUnreachable = false
    // Of the last line: when, and what was shed and the tier then.
    private var lineAt = 0
    private var lineShed: [String: Int] = [:]
    private var lineTier = Tier.normal

    /// - Parameters:
    ///   - isNamed: whether somebody has said that it is this node; else the drill is refused, with the node's name.
    ///   - apiKey: sent as X-API-Key.
    ///   - seconds: how long the drill lasts.
    ///   - settleSeconds: how long the node has for being normal again.
    ///   - file: where the figures go as JSON; nil: nowhere.
    ///   - tracePath: where the governor's trace of the drill goes; nil: nowhere.
    /// - Throws: `SystemError` when the system has no descriptor left.
    package init(
        _ kind: DrillKind, at node: NodeURL, isNamed: Bool, apiKey: String?, seconds: Int, settleSeconds: Int,
        file: String?, tracePath: String? = nil
    ) throws(SystemError) {
        site = DrillSite(node, apiKey: apiKey, seconds: seconds, stage: try Stage())
        strain = kind.strain(at: site)
        self.isNamed = isNamed
        self.settleSeconds = settleSeconds
        self.file = file
        traceFile = tracePath.map(TraceFile.init)
        watch = StatusPoller(site)
    }

    /// Runs all of it; the exit status.
    package func run() -> Int32 {
        defer { site.stage.close() }
        site.stage.watch = { [unowned self] in watch.turn() }
        watch.arrived = { [unowned self] in arrived($0, at: $1) }
        do {
            let before = try expectedStatus()
            let words = try strain.prepare(for: before)
            announce(words, before)
            drill(before)
        } catch let refusal as DrillRefusal {
            return ended(refusal.reason, Status.refused)
        } catch let unreachable as DrillUnreachable {
            return ended(unreachable.reason, Status.unavailable)
        } catch let interruption as Interruption {
            return interruption.exitStatus
        } catch {
            return ended("\(error)", Status.unavailable)
        }
        report()
        do {
            if let file { try write(to: file) }
            if let traceFile, !isUnreachable { try record(to: traceFile) }
        } catch {
            return ended("\(error)", Status.fileNotWritten)
        }
        return exitStatus
    }

    private func ended(_ reason: String, _ status: Int32) -> Int32 {
        Output.errorLine("sluice drill \(strain.name): \(reason)")
        return status
    }

    private var exitStatus: Int32 {
        if let interruption { return interruption.exitStatus }
        if isUnreachable { return Status.unavailable }
        return fault == nil && record?.normalAfter != nil ? 0 : Status.notNormal
    }

    // MARK: Parts

    private func firstStatus() throws -> NodeStatus {
        let place = site.node.text
        do {
            try site.stage.wait("a status of \(place)", seconds: Self.firstStatusSeconds) {
                // A node that has just started has taken no sample yet.
                watch.latest?.signals.isEmpty == false || watch.refusal != nil
            }
        } catch is SceneFault {
            throw DrillUnreachable("\(place) does not answer; --url names the node")
        }
        if let status = watch.latest { return status }
        let refusal = watch.refusal ?? 0
        throw DrillRefusal(
            refusal == 401
                ? "\(place) wants another API key: --api-key"
                : "\(place) answers \(refusal) to the question for its status")
    }

    private func expectedStatus() throws -> NodeStatus {
        let status = try firstStatus()
        guard isNamed else {
            throw DrillRefusal(
                "at \(site.node.text) is the node \(status.node); --yes if it is to be strained, or name another one by "
                    + "--url or PORT")
        }
        return status
    }

    private func announce(_ words: String, _ before: NodeStatus) {
        screen.line(
            "sluice drill \(strain.name): at \(before.node) (\(site.node.text)) for \(site.seconds) s: \(words). "
                + "Ctrl-C ends it at once.")
        if before.isDryRun { screen.line("The node only decides on tiers, and sheds nothing: GOVERNOR_DRY_RUN is 1.") }
        if before.isPinned { screen.line("An operator holds the node at \(before.tier.name): its tier will not move.") }
        if before.tier != .normal, !before.isPinned {
            screen.line("The node is at \(before.tier.name) already, by \(before.reason).")
        }
        screen.line()
        screen.header(DrillTable.header)
    }

    private func drill(_ before: NodeStatus) {
        beganAt = Clock.monotonicMilliseconds()
        beganAtTime = Clock.unixMilliseconds()
        record = DrillRecord(before: before, signals: strain.signals)
        (lineShed, lineTier) = (before.shed, before.tier)
        isStraining = true
        attempt {
            try strain.begin()
            try hold()
        }
        isStraining = false
        record?.ended(at: elapsed)
        screen.line(interruption == nil ? "The strain ends." : "Interrupted: the strain ends.")
        attempt { try site.stage.uninterrupted { try strain.undo() } }
        if interruption == nil, !isUnreachable { attempt { try waitForNormal() } }
        attempt { try site.stage.uninterrupted { try strain.clearUp() } }
    }

    /// Does a part of the drill; what goes wrong is remembered, and does not keep the next part from being done.
    private func attempt(_ part: () throws -> Void) {
        do {
            try part()
        } catch let interruption as Interruption {
            self.interruption = interruption
        } catch let unreachable as DrillUnreachable {
            isUnreachable = true
            fault = fault ?? unreachable.reason
        } catch {
            fault = fault ?? "\(error)"
        }
    }

    private func hold() throws {
        try site.stage.wait("the end of the drill", seconds: site.seconds + 1) {
            try checkNode()
            try strain.turn()
            showLine(every: 1)
            return elapsed >= site.seconds * 1000
        }
    }

    /// Waits until the node is normal again, or the time for that is up.
    private func waitForNormal() throws {
        do {
            try settle()
        } catch is SceneFault {
            // The record shows that it was not.
        }
    }

    private func settle() throws {
        let since = Clock.monotonicMilliseconds()
        var heardAt = since
        watch.arrived = { [unowned self] status, now in
            heardAt = now
            arrived(status, at: now)
        }
        try site.stage.wait("normal again", seconds: settleSeconds) {
            try checkNode()
            showLine(every: watch.latest?.tier == lineTier ? Self.settleLineSeconds : 0)
            guard heardAt > since, let status = watch.latest, status.tier == .normal, strain.isOver(status) else {
                return false
            }
            record?.wasNormal(at: elapsed)
            return true
        }
    }

    private func checkNode() throws {
        if watch.isSilent {
            throw DrillUnreachable("the node has not answered for \(StatusPoller.silenceMilliseconds / 1000) s")
        }
    }

    // MARK: What is seen

    private var elapsed: Int { Clock.monotonicMilliseconds() - beganAt }

    private func arrived(_ status: NodeStatus, at now: Int) {
        record?.heard(status, at: now - beganAt)
        if isStraining { strain.statusArrived(status) }
    }

    /// Shows how the node is, unless the last line is younger than so many seconds.
    private func showLine(every seconds: Int) {
        let now = elapsed
        guard now - lineAt >= seconds * 1000, let status = watch.latest, let record else { return }
        lineAt = seconds == 1 ? now / 1000 * 1000 : now
        var shed: [String: Int] = [:]
        for (kind, count) in status.shed where count > lineShed[kind, default: 0] {
            shed[kind] = count - lineShed[kind, default: 0]
        }
        (lineShed, lineTier) = (status.shed, status.tier)
        screen.row(
            DrillTable.line(
                seconds: now / 1000, status, signal: record.signal(in: status), progress: strain.progress(status),
                shed: shed),
            isGood: status.tier < .heavy)
    }

    private func report() {
        guard let record else { return }
        screen.line()
        for row in DrillTable.summary(record) { screen.row(row, isGood: true) }
        if !strain.outcome.isEmpty { screen.row(Figures.padded("drill", 18) + strain.outcome, isGood: true) }
        screen.line()
        if let fault { screen.verdict(fault, isGood: false) }
        if interruption != nil {
            screen.line("Ended early: all of it is undone; the node was not watched any longer.")
        } else if record.normalAfter != nil, fault == nil {
            screen.verdict("The node is normal again.", isGood: true)
        } else if record.normalAfter == nil {
            screen.verdict("The node was not normal again within \(settleSeconds) s.", isGood: false)
        }
    }

    /// Writes the trace since a second before the drill.
    private func record(to file: TraceFile) throws {
        var lines = 0
        try site.stage.uninterrupted { lines = try file.write(last: elapsed / 1000 + 2, of: site) }
        screen.line("The governor's trace is in \(file.path): \(lines) lines.")
    }

    private func write(to path: String) throws(SystemError) {
        guard let record else { return }
        try Output.file(
            path,
            DrillFile.bytes(
                record, drill: strain.name, node: watch.latest?.node ?? "", url: site.node.text, seconds: site.seconds,
                beganAt: beganAtTime, isInterrupted: interruption != nil, outcome: strain.outcome))
    }
}
