import Logging
import NetworkIO
import Overload

/// Watches over what a node's operator should know, and says when it changes: the node's mode, and its alerts.
///
/// Thread: the control loop's.
final class NodeWatch {
    private static let alertMilliseconds = 1_000

    private let context: NodeContext
    private let loop: EventLoop
    private let store: StoreWatch
    private var mode: NodeMode
    private var board: AlertBoard
    private var alertsDue = 0

    init(context: NodeContext, loop: EventLoop) {
        self.context = context
        self.loop = loop
        store = StoreWatch(context: context, loop: loop)
        mode = context.mode
        board = AlertBoard(at: loop.now)
    }

    /// At each tick of the loop.
    func ticked() {
        watchMode()
        store.ticked()
        guard loop.now >= alertsDue else { return }
        alertsDue = loop.now + Self.alertMilliseconds
        context.incidents.flush(at: loop.now)
        watchAlerts()
    }

    private func watchMode() {
        let now = context.mode
        guard now != mode else { return }
        context.logger.notice(
            "the node's mode has changed", metadata: ["from": "\(mode.name)", "to": "\(now.name)"])
        context.publish(.mode(from: mode, to: now))
        context.order(.modeChanged(from: mode))
        mode = now
    }

    private func watchAlerts() {
        let changes = board.sampled(reading(), at: loop.now, unix: loop.unixNow)
        context.alerts.withLock { $0 = board.active }
        for change in changes {
            let fields: Logger.Metadata = ["alert": "\(change.alert.name)", "value": "\(change.value)"]
            if change.isActive {
                context.logger.warning("an alert is on", metadata: fields)
            } else {
                context.logger.notice("an alert is over", metadata: fields)
            }
            context.publish(.alert(change))
        }
    }

    private func reading() -> AlertReading {
        func sum(_ counter: (WorkerCounters) -> Int) -> Int { context.counters.reduce(0) { $0 + counter($1) } }
        let redis = StoreReport(context: context)
        var reading = AlertReading()
        reading.connections = context.connections.sockets
        reading.connectionsMax = context.connections.most
        reading.messages = sum { $0.messagesIn.value }
        reading.refused = MessageRefusal.allCases.reduce(0) { total, reason in total + sum { $0.count(reason) } }
        reading.slowReadersClosed = sum { $0.slowReadersClosed.value }
        reading.outboxMessages = redis.outboxMessages
        reading.tier = context.governor.current.tier
        switch redis.state {
        case nil, .online: reading.store = .here
        case .degraded: reading.store = .lost
        case .connecting, .suspect, .resyncing: reading.store = .returning
        }
        return reading
    }
}
