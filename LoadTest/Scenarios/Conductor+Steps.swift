import NetworkIO

/// Begins and ends the steps of a run.
extension Conductor {
    func nextStep() {
        guard !steps.isEmpty else { return finish() }
        let step = steps.removeFirst()
        current = step
        for node in nodes { node.phaseBegins() }
        switch step {
        case .connect:
            begin("connect")
            for loader in loaders {
                loader.allIn = nil
                loader.send(.connect)
            }
        case .send(let name, let load, let seconds, let isMeasured):
            begin(name, offered: offered(load), isMeasured: isMeasured, seconds: seconds)
            if let load { send(load) }
        case .hold(let seconds): begin("hold", isMeasured: true, seconds: seconds)
        case .churn(let seconds):
            begin("churn", isMeasured: true, seconds: seconds)
            let rate = plan.connectRate.map { $0 / Double(loaders.count) }
            for loader in loaders { loader.send(.churn(perSecond: rate)) }
        case .storm(let secondsMax):
            begin("storm", offered: offered(nil), isMeasured: true, seconds: secondsMax)
            for loader in loaders {
                loader.allIn = nil
                loader.send(.cut)
            }
        case .search(let window, let seconds):
            begin("search", seconds: seconds)
            send(Load(window: window))
        case .overload(let name, _, let perSecond, let seconds):
            begin(name, offered: perSecond, isMeasured: true, seconds: seconds)
            send(Load(perSecond: perSecond))
        case .settle:
            begin("settle")
            for loader in loaders {
                (loader.marks, loader.lost) = (nil, nil)
                loader.send(.stopChurn)
                loader.send(.settle(milliseconds: Self.settleMilliseconds))
            }
        }
    }

    private func begin(_ name: String, offered: Double? = nil, isMeasured: Bool = false, seconds: Double? = nil) {
        record.beginPhase(name, offered: offered, isMeasured: isMeasured)
        stepEndsAt = seconds.map { Clock.monotonicMilliseconds() + Int($0 * 1000) }
        progress.phase(name)
    }

    /// Messages per second that are due: of this load, or of the one that goes on.
    private func offered(_ load: Load?) -> Double? { load.map(\.perSecond) ?? plan.messageRate }

    /// Gives each process its part, by the number of its senders.
    private func send(_ load: Load) {
        for (process, loader) in loaders.enumerated() {
            let part = Double(plan.senders(of: process)) / Double(plan.senders)
            guard part > 0 else { continue }
            loader.send(
                .send(
                    SendOrder(
                        perSecond: load.perSecond.map { $0 * part }, window: load.window,
                        rampSeconds: load.rampSeconds)))
        }
    }

    /// The step is over: what was counted is gathered under its name before the next one begins.
    func finishStep() {
        stepEndsAt = nil
        guard let step = current else { return }
        current = nil
        collect { [unowned self] in
            for node in nodes { node.phaseEnded(step, isMeasured: record.isMeasured) }
            record.endPhase()
            conclude(step)
            guard step != .connect || record.total.opened > 0 || isInterrupted else { return failUnconnected() }
            if isInterrupted, step != .settle { steps = [.settle] }
            nextStep()
        }
    }

    private func conclude(_ step: Step) {
        switch step {
        case .storm:
            let times = loaders.compactMap(\.allIn)
            record.stormEnded(milliseconds: times.max(), isComplete: times.count == loaders.count)
        case .search:
            let capacity = record.phase.ackedPerSecond
            steps = Script.overload(capacity: max(capacity, 1), seconds: plan.seconds)
        case .overload(let name, let factor, let perSecond, _):
            record.stepEnded(name: name, factor: factor, offered: perSecond, worstTier: worstTier)
        case .settle: record.settled(lost: loaders.reduce(0) { $0 + ($1.lost ?? 0) })
        case .connect, .send, .hold, .churn: break
        }
    }
}
