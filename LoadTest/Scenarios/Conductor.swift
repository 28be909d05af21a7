import Core
import NetworkIO
import Toolkit

/// The parent: starts the loading processes, leads them through the steps of the scenario, gathers what they count,
/// nodes the nodes, and reports.
///
/// It has no connection under load itself, so that its own work does not show in latencies.
final class Conductor: EventLoopDelegate {
    /// At the end acks, then deliveries are waited for until nothing has come for so long.
    static let settleMilliseconds = 3000
    /// sysexits(3): EX_UNAVAILABLE, EX_SOFTWARE.
    private static let unavailable: Int32 = 69
    private static let softwareFault: Int32 = 70

    let loop: EventLoop
    var plan: Plan
    let options: LoadOptions
    var loaders: [LoaderHandle] = []
    let nodes: [ObservedNode]
    var record: RunRecord
    var progress = Progress()
    private var signals: SignalWatcher?

    // Where the run stands.
    var steps: [Step]
    var current: Step?
    /// Monotonic milliseconds; nil for steps that end by an answer.
    var stepEndsAt: Int?
    var reportDueAt = 0
    /// Called when all loaders have reported; nil when no report is under way.
    var afterReports: (() -> Void)?
    var isInterrupted = false
    private var isStarted = false
    private let startedAt: Int
    private var exitStatus: Int32 = 0

    init(plan: Plan, options: LoadOptions) throws {
        self.plan = plan
        self.options = options
        loop = try EventLoop()
        let loop = loop
        let trust = plan.trust()
        nodes = try plan.nodes.map { try ObservedNode($0, trust: trust, apiKey: options.apiKey, loop: loop) }
        steps = Script.steps(of: plan)
        record = RunRecord(plan: plan)
        startedAt = Clock.monotonicMilliseconds()
    }

    /// Runs all steps; the exit status.
    func run() throws -> Int32 {
        loop.delegate = self
        signals = try SignalWatcher(SignalWatcher.termination, loop: loop) { [unowned self] in interrupted($0) }
        for node in nodes { node.ask() }
        loop.run()
        signals = nil
        for node in nodes { node.close() }
        for loader in loaders { loader.end() }
        return exitStatus
    }

    // MARK: Turns of the loop

    func loopWoken() {}
    func loopTurnEnding() {}
    func loopTurnEnded() {}

    func loopTicked() {
        guard isStarted else { return startIfNodesAnswered() }
        let now = Clock.monotonicMilliseconds()
        if let stepEndsAt, now >= stepEndsAt {
            self.stepEndsAt = nil
            finishStep()
        } else if now >= reportDueAt, afterReports == nil {
            reportDueAt = max(reportDueAt + 1000, now + 500)
            for node in nodes { node.ask() }
            collect { [unowned self] in closeSecond() }
        }
    }

    /// The nodes' answers say whether they share rooms; a node that does not answer within a second is loaded all the
    /// same.
    private func startIfNodesAnswered() {
        guard nodes.allSatisfy(\.hasAnswered) || Clock.monotonicMilliseconds() - startedAt > 1000 else { return }
        isStarted = true
        plan.isCluster = nodes.allSatisfy { $0.status?.mode == "cluster" }
        for node in nodes { node.begin() }
        do {
            loaders = try (0..<plan.processes).map { try startLoader($0) }
        } catch {
            return fail("can't start a loading process: \(error)")
        }
        record.start()
        reportDueAt = Clock.monotonicMilliseconds() + 1000
        nextStep()
    }

    private func startLoader(_ process: Int) throws -> LoaderHandle {
        let loader = LoaderHandle(try ChildProcess.spawn(["load_test", "--loads"]))
        try loader.connect(
            loop: loop, replied: { [unowned self, unowned loader] in replied(loader, $0) },
            lost: { [unowned self, unowned loader] in fail("a loading process has ended (pid \(loader.child.pid))") })
        loader.send(.begin(plan, process: process))
        return loader
    }

    // MARK: Replies of loaders

    private func replied(_ loader: LoaderHandle, _ reply: LoaderReply) {
        switch reply {
        case .allIn(let milliseconds):
            loader.allIn = milliseconds
            if isGathering, loaders.allSatisfy({ $0.allIn != nil }) { finishStep() }
        case .sample(let sample):
            loader.sample = sample
            record.add(sample.counts, process: loaders.firstIndex { $0 === loader } ?? 0)
            if loaders.allSatisfy({ $0.sample != nil }) { finishCollecting() }
        case .settled(let marks):
            loader.marks = marks
            if loaders.allSatisfy({ $0.marks != nil }) { expect() }
        case .checked(let lost):
            loader.lost = lost
            if loaders.allSatisfy({ $0.lost != nil }) { finishStep() }
        }
    }

    /// Whether the present step ends when everybody is in.
    private var isGathering: Bool {
        switch current {
        case .connect, .storm: true
        default: false
        }
    }

    /// Asks all loaders for what they counted, then goes on. One such question at a time: a second waits for the first.
    func collect(then body: @escaping () -> Void) {
        if let former = afterReports {
            afterReports = { [unowned self] in
                former()
                collect(then: body)
            }
            return
        }
        afterReports = body
        for loader in loaders {
            loader.sample = nil
            loader.send(.report)
        }
    }

    private func finishCollecting() {
        guard let body = afterReports else { return }
        afterReports = nil
        record.connected = loaders.reduce(0) { $0 + ($1.sample?.connected ?? 0) }
        body()
    }

    private func expect() {
        let marks = RoomMark.merged(loaders.flatMap { $0.marks ?? [] })
        for loader in loaders { loader.send(.expect(marks, milliseconds: Self.settleMilliseconds)) }
    }

    private func closeSecond() {
        record.closeSecond(tier: worstTier, pressure: nodes.compactMap { $0.status?.pressure }.max(), shed: shed)
        progress.show(record)
        if record.hasRecovered { finishStep() }
    }

    var worstTier: String? { NodeStatus.worstTier(nodes.compactMap { $0.status?.actedTier }) }
    private var shed: [String: Int]? {
        nodes.compactMap { $0.status?.shed }.reduce(nil) { ($0 ?? [:]).merging($1, uniquingKeysWith: +) }
    }

    // MARK: The end

    private func interrupted(_ signal: Int32) {
        guard !isInterrupted, isStarted else { ProcessEnd.now(128 + signal) }
        isInterrupted = true
        record.endedEarly = true
        progress.line("interrupted: settling; once more ends at once")
        if current != .settle { finishStep() }
    }

    /// Ends the run with a message instead of a report.
    func fail(_ message: String) {
        progress.clear()
        Output.errorLine("load_test: \(message)")
        exitStatus = Self.softwareFault
        loop.stop()
    }

    /// Nothing could be connected: says to whom, and why.
    func failUnconnected() {
        let urls = plan.nodes.map(\.url).joined(separator: ", ")
        let reasons = record.total.failed.sorted { $0.value > $1.value }.map { "\($0.key) (\($0.value))" }
        fail("no connection to \(urls): \(reasons.joined(separator: "; "))")
        exitStatus = Self.unavailable
    }

    /// All is counted: prints and writes the report.
    func finish() {
        progress.clear()
        let report = record.report(servers: nodes.map(\.meter))
        Output.text(TextReport.render(report))
        do {
            try ReportFiles.write(report, options)
        } catch {
            return fail("can't write the report: \(error)")
        }
        exitStatus = record.faults.isEmpty ? 0 : 1
        loop.stop()
    }
}
