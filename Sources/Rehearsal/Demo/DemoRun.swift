import NetworkIO
import Toolkit

/// One run of the demo, from the start of its cluster to its end.
package final class DemoRun {
    static let scenes: [any Scene] = [
        OneOrder(), BreakAndResume(), ManyDevices(), OfflineDirect(), NodeKill(), RedisOutage(),
    ]

    private let plan: DemoPlan
    private let screen: Screen
    private let stage: Stage
    private let cluster: DemoCluster
    private let startedAt = Clock.monotonicMilliseconds()
    private var reports: [SceneReport] = []
    /// Of the scenes that were begun.
    private var rooms: [String] = []
    private var interruption: Interruption?
    /// Something failed outside of the scenes.
    private var hasFailed = false

    /// - Throws: `SystemError` when the system has no descriptor or folder left.
    package init(_ plan: DemoPlan) throws {
        self.plan = plan
        screen = Screen(variables: plan.variables)
        stage = try Stage()
        cluster = try DemoCluster(plan, stage: stage)
    }

    /// Runs all of it; the exit status: 0 when everything arrived, once and in order, 1 when not, 128 and the signal's
    /// number when it was interrupted.
    package func run() -> Int32 {
        screen.line(
            "sluice demo: \(Figures.count(plan.nodeCount, "node")), \(Figures.count(plan.clientCount, "client"))")
        if start() { showScenes() }
        end()
        report()
        stage.close()
        return interruption?.exitStatus ?? (isGood ? 0 : 1)
    }

    private var isGood: Bool { !hasFailed && reports.allSatisfy { $0.outcome != .failed } }

    // MARK: Parts

    /// Whether the cluster stands.
    private func start() -> Bool {
        screen.heading("Starting")
        do {
            switch plan.redis {
            case .given(_, let shown): screen.skipped("redis-server: REDIS_URL is set, \(shown) is used")
            case .own:
                try screen.step("redis-server") {
                    try cluster.redis?.start()
                    return "port \(cluster.redis?.port ?? 0)"
                }
            }
            try screen.step("\(Figures.count(plan.nodeCount, "node")), one cluster") {
                try cluster.start(cluster.nodes)
                return cluster.nodes.map { "\($0.name) :\($0.address?.port ?? 0)" }.joined(separator: ", ")
            }
            return true
        } catch {
            note(error)
            return false
        }
    }

    private func showScenes() {
        for scene in Self.scenes where interruption == nil {
            screen.heading(scene.title, scene.explanation)
            if let obstacle = scene.obstacle(plan) {
                screen.skipped("it \(obstacle)")
                reports.append(
                    SceneReport(
                        title: scene.title, outcome: .skipped(obstacle), tally: DeliveryCounts(), milliseconds: 0))
            } else {
                show(scene)
            }
        }
    }

    private func show(_ scene: any Scene) {
        let begun = Clock.monotonicMilliseconds()
        let cast = Cast(room: "demo-\(plan.tag)-\(reports.count + 1)", stage: stage, cluster: cluster)
        rooms.append(cast.room)
        var outcome = SceneReport.Outcome.passed
        do {
            try mend()
            try scene.show(Play(plan: plan, stage: stage, cluster: cluster, cast: cast, screen: screen))
        } catch {
            note(error)
            outcome = .failed
        }
        cast.cut()
        // What was not waited for says nothing.
        if interruption != nil { return }
        let tally = cast.tally()
        if !tally.isClean { outcome = .failed }
        reports.append(
            SceneReport(
                title: scene.title, outcome: outcome, tally: tally,
                milliseconds: Clock.monotonicMilliseconds() - begun))
    }

    /// Starts again what a scene that failed has left down, so that it does not make others fail.
    private func mend() throws {
        let down = cluster.nodes.filter { !$0.isUp }
        guard !down.isEmpty else { return }
        try screen.step("started again: \(down.map(\.name).joined(separator: ", "))") {
            try cluster.start(down)
            return ""
        }
    }

    private func end() {
        stage.beginEnding()
        screen.heading("Ending")
        do {
            try screen.step(plan.ownsRedis ? "nodes drained, redis-server stopped" : "rooms deleted, nodes drained") {
                var faults = try plan.ownsRedis ? [] : keptRooms().map { "room \($0) is still there" }
                faults += cluster.end()
                guard faults.isEmpty else { throw SceneFault(faults.joined(separator: "; ")) }
                return ""
            }
        } catch {
            note(error)
        }
    }

    /// Deletes the scenes' rooms, for others use the same Redis; those for which that did not work.
    private func keptRooms() throws -> [String] {
        try rooms.filter { room in try cluster.up.first?.delete(room: room) != true }
    }

    private func note(_ error: any Error) {
        if let interruption = error as? Interruption { self.interruption = interruption } else { hasFailed = true }
    }

    // MARK: What came of it

    private func report() {
        let took = Clock.monotonicMilliseconds() - startedAt
        if !reports.isEmpty {
            screen.line()
            screen.header(ResultTable.header)
            for report in reports { screen.row(ResultTable.row(report), isGood: report.outcome != .failed) }
            screen.row(ResultTable.total(reports, milliseconds: took), isGood: isGood)
        }
        screen.line()
        screen.verdict(verdict(took), isGood: isGood && interruption == nil)
        if isGood {
            cluster.removeLogs()
        } else {
            screen.line("The logs of the nodes and of Redis are in \(cluster.logFolder)")
        }
    }

    private func verdict(_ took: Int) -> String {
        let passed = reports.count { $0.outcome == .passed }
        let failed = reports.count { $0.outcome == .failed }
        if reports.isEmpty, !isGood { return "The cluster did not come about." }
        if !isGood { return "\(Figures.count(failed, "scene")) failed; \(passed) went well" }
        if interruption != nil { return "Ended early, after \(Figures.count(passed, "scene")) that went well." }
        let skipped = reports.count - passed
        return "Everything arrived, once and in order: \(Figures.count(passed, "scene")) in \(Figures.duration(took))"
            + (skipped > 0 ? ", \(skipped) skipped." : ".")
    }
}
