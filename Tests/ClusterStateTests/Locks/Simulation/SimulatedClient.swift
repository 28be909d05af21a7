import ClusterState
import Core

/// A process with a keeper, some of whose parts want locks: ticks, freezes, dies, and has a clock of its own.
final class SimulatedClient {
    let name: String
    let link: SimulatedLink
    private(set) var keeper: LockKeeper!
    /// Its parts' handles that are neither released nor lost.
    var handles: [LockHandle] = []
    private(set) var isFrozen = false
    private(set) var isDead = false

    private let time: SimulatedTime
    private let clockOffset: Int
    /// By how many millionths its clock is fast.
    private let drift: Int
    private var inbox = Inbox()

    /// The actions that were due while it was frozen.
    final class Inbox {
        var isOpen = true
        var actions: [() -> Void] = []
    }

    init(
        _ time: SimulatedTime, _ server: SimulatedServer, name: String, quarantine: Int,
        happened: @escaping (Identifier, LockKeeper.Event) -> Void
    ) {
        self.time = time
        self.name = name
        clockOffset = time.any(0...1_000_000_000)
        drift = time.any(-10_000...10_000)
        let inbox = inbox
        link = SimulatedLink(time, server) { action in
            if inbox.isOpen { action() } else { inbox.actions.append(action) }
        }
        keeper = LockKeeper(
            store: link, name: name, quarantine: quarantine, clock: { [unowned self] in now }, happened: happened)
        tick()
    }

    /// Its own clock.
    var now: Int { time.now + time.now * drift / 1_000_000 + clockOffset }

    /// SIGSTOP.
    func freeze() {
        isFrozen = true
        inbox.isOpen = false
    }

    /// SIGCONT: what arrived meanwhile comes before or after the tick that is overdue.
    func thaw() {
        guard isFrozen else { return }
        isFrozen = false
        if time.happens(50) { keeper.ticked() }
        inbox.isOpen = true
        let actions = inbox.actions
        inbox.actions = []
        for action in actions { action() }
        if !isDead { keeper.ticked() }
    }

    /// kill -9.
    func die() {
        isDead = true
        inbox.isOpen = false
        link.disconnect()
        handles = []
    }

    /// Runs `action` when the process runs.
    func run(_ action: @escaping () -> Void) {
        if inbox.isOpen { action() } else { inbox.actions.append(action) }
    }

    private func tick() {
        time.after(time.any(100...250)) { [weak self] in
            guard let self, !isDead else { return }
            if !isFrozen { keeper.ticked() }
            tick()
        }
    }
}
