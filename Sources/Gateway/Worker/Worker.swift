import Core
import Logging
import NetworkIO
import Overload
import Rooms
import Synchronization
import WireProtocol

/// One thread of a node: puts the parts of a worker together, hands them the messages that come for it, and drives them
/// by its loop.
///
/// Thread: its own. Other workers are reached by messages. For a room or user that is at home here a message is a plain
/// call, so that nothing is queued on the way from a socket to the sockets of the same worker.
package final class Worker {
    package let core: WorkerCore
    /// The part in a cluster; nil in single mode.
    let replication: Replication?
    let rooms: RoomTable
    let users: UserTable
    let connections: ConnectionTable
    let links: LinkTable
    private let surveys: Surveys
    private let batches: PublicationBatches
    private let services: WorkerServices
    private var acceptor: Acceptor?
    private var acceptPace: AcceptPace
    private var ticks = 0
    private var rates = Rates()
    private var isFinished = false
    /// Called when draining is over and the last connection went.
    private let finished: @Sendable (Int) -> Void

    package init(
        index: Int, context: NodeContext, listener: ListeningSocket, finished: @escaping @Sendable (Int) -> Void
    ) throws(SystemError) {
        self.finished = finished
        let core = try WorkerCore(index: index, context: context)
        let publications = Publications(core)
        let replication = try context.configuration.redis.map { options throws(SystemError) in
            try Replication(core, options)
        }
        self.core = core
        self.replication = replication
        surveys = Surveys(core)
        rooms = RoomTable(core, replication, publications)
        users = UserTable(core, replication, publications, surveys)
        batches = PublicationBatches(core)
        services = WorkerServices(core, rooms, surveys, batches)
        let online = OnlineDirectory(core: core, surveys: surveys, replication: replication)
        if index == 0 { online.listen() }
        connections = ConnectionTable(core, rooms, services)
        links = LinkTable(core, rooms)
        acceptPace = AcceptPace(startedAt: core.loop.now)
        core.receiver = self
        replication?.owner = self
        core.loop.delegate = self
        // Where TLS is expected, words without it would be noise.
        let refusal = core.configuration.certificate == nil ? RefusalResponse.tooManyOpenFiles : []
        acceptor = try Acceptor(listener, loop: core.loop, refusal: refusal, delegate: self)
        context.mailboxes[index].connect(to: core.loop.wakeHandle)
    }

    /// Serves until the drain is over.
    package func run() {
        replication?.start()
        core.loop.run()
        core.context.mailboxes[core.index].connect(to: nil)
    }

    /// Ends the loop; what is still open is cut off.
    private func stop() {
        acceptor?.close()
        acceptor = nil
        replication?.stop()
        for socket in core.loop.sockets.all { socket.close() }
        core.loop.stop()
    }

    // MARK: Orders of the control loop

    private func obey(_ order: ControlOrder) {
        switch order {
        case .stop: stop()
        case .drain(let milliseconds): beginDraining(within: milliseconds)
        case .endGraces(let done):
            endGraces()
            done()
        case .adopt(let policy, let reason): adopt(policy, reason)
        case .mitigate(let emergency, let bytesMax): mitigate(emergency, unsentBytesMax: bytesMax)
        case .locks(let report): services.locks = report
        case .link(let order): links.received(order)
        case .modeChanged(let former): connections.modeChanged(from: former)
        case .event(let entry): connections.publish(entry)
        case .nodes(let nodes): replication?.nodesChanged(nodes)
        case .nodeGone(let boot):
            replication?.nodeGone(boot)
            rooms.nodeGone(boot)
            users.nodeGone(boot)
        case .checkPresence:
            rooms.checkPresence()
            users.checkPresence()
        case .tokens(let gate): core.credentials.tokens = gate
        case .certificate(let context): core.credentials.certificate = context
        case .measure(let work): work()
        }
    }

    private func beginDraining(within duration: Int) {
        guard !connections.isDraining else { return }
        users.pushes.sendAll()
        connections.beginDraining(within: duration)
        continueDraining()
    }

    private func continueDraining() {
        guard connections.isDraining, connections.continueDraining(), !isFinished else { return }
        isFinished = true
        // Who went is known to the homes on other workers before the node hears of the end.
        core.postOutgoing()
        finished(core.index)
    }

    private func endGraces() {
        rooms.endGraces()
        users.endGraces()
        core.events?.post()
    }

    /// Acts on another policy from now on, and notifies its clients.
    private func adopt(_ policy: TierPolicy, _ reason: String) {
        let former = core.load.policy
        guard policy != former else { return }
        core.load.adopt(policy, reason: reason, core.configuration, at: core.loop.now)
        // What was deferred may be due now.
        rooms.notices.flush()
        connections.policyChanged(from: former)
    }

    /// Ticks in which all rooms and users are looked after once: two seconds.
    private static let pollTicks = 8

    /// How long hardly anybody new is taken in an emergency.
    private static let slowMilliseconds = 1_000

    /// Takes hardly anybody new for a while, or cuts the largest backlogs, or both: what helps.
    private func mitigate(_ emergency: Emergency, unsentBytesMax bytesMax: Int) {
        if emergency.slowsAccepting {
            acceptPace.slowDown(until: core.loop.now + Self.slowMilliseconds)
            paceAccepting()
        }
        if emergency.cutsBacklogs { connections.closeLargestBacklogs(unsentBytesMax: bytesMax) }
    }

    /// Lets the acceptor take as many as it may until the next tick.
    private func paceAccepting() {
        let (tick, now) = (EventLoop.tickMilliseconds, core.loop.now)
        acceptor?.ticked(
            acceptsMax: acceptPace.acceptsMax(
                perMilliseconds: tick, tierPerSecond: core.load.policy.acceptsPerSecond, at: now))
    }

    private func publishCounters() {
        let (lag, isThrottled) = (core.loop.takeLag(), core.context.budgets.isThrottled.load(ordering: .relaxed))
        core.counters.lagMilliseconds.set(lag)
        core.counters.own.lagMilliseconds.set(core.load.ownDelays.lag(lag, isThrottled: isThrottled))
        let turns = core.load.controller.turns
        if let source = turns.heaviest {
            let heaviest = HeaviestSource(source, admitted: turns.heaviestAdmitted)
            core.context.reports.heaviest.withLock { $0[core.index] = heaviest }
        }
        guard ticks % 4 == 0 else { return }
        core.counters.queuedBytes.set(core.loop.sockets.all.reduce(0) { $0 + $1.queuedBytes })
        rates.sample(core.counters, at: core.loop.now)
    }

    /// Forgets message ids whose window is over.
    private func expireIDs() {
        let (ids, window) = (core.stored.messages.ids, core.configuration.dedupeWindowMilliseconds)
        ids.expire(before: core.loop.now - window)
        core.counters.stored.ids.set(ids.count)
        core.counters.stored.idsMilliseconds.set(ids.window(of: window, at: core.loop.now))
    }

    /// Says in the log when the worker begins, or ends, to refuse what it has no time for.
    private func logLoad() {
        guard let isShedding = core.load.stepToLog(at: core.loop.now) else { return }
        let admission = core.load.controller.admission
        core.logger.notice(
            isShedding ? "a worker has more to do than it can: it sheds" : "a worker sheds no more",
            metadata: [
                "worker": "\(core.index)",
                "messages_admitted": "\((admission.share(of: .messages) * 100).rounded() / 100)",
                "rounds_ms": "\(core.loop.roundMilliseconds)",
            ])
    }
}

extension Worker: WorkerMessageReceiver {
    func received(_ message: WorkerMessage) {
        switch message {
        case .publish(let message): rooms.received(message)
        case .deliver(let batch): connections.delivery.deliver(batch)
        case .room(let id, let request): rooms.received(request, of: id)
        case .user(let id, let request): users.received(request, of: id)
        case .member(let info, let notice): connections.received(notice, for: info)
        case .opening(let key, let notice): connections.received(notice, for: key)
        case .survey(let survey, let number, let origin):
            answer(survey) { [core] in core.send(.surveyed($0, number: number, from: core.index), to: origin) }
        case .surveyed(let part, let number, let worker): surveys.received(part, number: number, from: worker)
        case .settleStored: core.settleStored()
        case .control(let order): obey(order)
        case .answer(let response, let responder):
            if responder.part == nil {
                connections.answer(response, to: responder)
            } else {
                batches.received(response, for: responder)
            }
        }
    }

    private func answer(_ survey: Survey, _ completion: @escaping (SurveyPart) -> Void) {
        switch survey {
        case .rooms(let cursor, let limit): completion(.rooms(rooms.describe(after: cursor, limit: limit)))
        case .membership(let infos): completion(.membership(connections.membership(of: infos)))
        case .online(let cursor, let limit): completion(.online(users.describeOnline(after: cursor, limit: limit)))
        case .order(let order, let infos): connections.obey(order, infos) { completion(.ordered($0)) }
        }
    }
}

extension Worker: EventLoopDelegate {
    package func loopWoken() {
        for message in core.context.mailboxes[core.index].takeAll() { received(message) }
    }

    package func loopTicked() {
        ticks += 1
        core.counters.turnedAt.set(core.loop.now)
        publishCounters()
        paceAccepting()
        replication?.ticked()
        rooms.ticked()
        users.ticked()
        links.ticked()
        core.settleStored()
        if ticks % 4 == 0 {
            expireIDs()
            rooms.expire()
            users.expire()
        }
        if let replication, !replication.isStoreAway {
            users.poll(part: ticks % Self.pollTicks, of: Self.pollTicks)
            rooms.poll(part: ticks % Self.pollTicks, of: Self.pollTicks)
        }
        connections.announceChanges()
        logLoad()
        continueDraining()
    }

    package func loopTurnEnding() {
        core.counters.turnedAt.set(core.loop.now)
        rooms.commit()
        users.commit()
        if !core.loop.isRoundAwaited {
            core.continueReads()
            rooms.flush()
        }
        connections.closeDue()
        connections.closeLargestInputs()
        connections.closeLargestOutputs()
        core.postOutgoing()
    }

    package func loop(shookHandsOf socket: Socket, nanoseconds: Int) {
        connections.shookHands(of: socket, nanoseconds: nanoseconds)
    }

    package func loop(sawPlain socket: Socket) { connections.sawPlain(socket) }

    /// The governor's trace has what the inner controller does between two samples.
    private func recordStep() {
        guard let state = core.load.takeStep() else { return }
        core.context.reports.innerSteps.add(
            InnerStep(
                time: core.loop.unixNow, at: core.loop.now, worker: core.index, state: state,
                queueDelayMicroseconds: core.counters.own.queueDelayMicroseconds.value))
    }

    package func loopTurnEnded() {
        core.compressor.turnEnded()
        core.load.turnEnded(
            core.loop, core.counters, isThrottled: core.context.budgets.isThrottled.load(ordering: .relaxed),
            isDryRun: core.configuration.governor.isDryRun)
        recordStep()
        replication?.pace.turnEnded()
        core.loop.measuresWrites = core.load.watchesSources
        guard core.load.watchesSources else { return }
        core.load.controller.turns.wrote(nanoseconds: core.loop.takeWriteNanoseconds())
        if let source = core.load.controller.turns.takeNews() {
            let heaviest = HeaviestSource(source, admitted: core.load.controller.turns.heaviestAdmitted)
            core.context.incidents.limited(heaviest, worker: core.index, at: core.loop.now)
        }
    }
}

extension Worker: ReplicationOwner {
    func storeLost() {
        rooms.storeLost()
        users.storeLost()
    }

    func storeReturned() {
        rooms.storeReturned()
        users.storeReturned()
    }
}

extension Worker: AcceptorDelegate {
    package func accepted(_ descriptor: Int32, from address: PeerAddress) {
        do {
            if try connections.add(descriptor, from: address) { core.counters.accepted.add(1) }
        } catch {
            // The kernel is out of memory for one more watched socket; the descriptor was closed with the attempt.
            core.logger.error("a connection could not be watched", metadata: ["error": "\(error)"])
        }
    }

    package func refusedForLackOfDescriptors() { core.counters.refused(.openFiles) }
}

/// Deliveries and messages per second, over the last second.
private struct Rates {
    private var messagesIn = 0
    private var messagesOut = 0
    private var sampledAt = 0

    mutating func sample(_ counters: WorkerCounters, at now: Int) {
        let elapsed = max(now - sampledAt, 1)
        counters.inPerSecond.set((counters.messagesIn.value - messagesIn) * 1000 / elapsed)
        counters.outPerSecond.set((counters.messagesOut.value - messagesOut) * 1000 / elapsed)
        messagesIn = counters.messagesIn.value
        messagesOut = counters.messagesOut.value
        sampledAt = now
    }
}
