import Core
import Testing

@testable import ClusterState

/// Clients, a server, locks and faults, under a model that looks after each event whether the promises hold.
final class LockWorld {
    /// How often each thing happened, so that a run that shows nothing fails.
    struct Counts {
        var (acquired, released, lost, reclaimed, failed) = (0, 0, 0, 0, 0)
        var faults: Set<Fault> = []
    }

    enum Fault: CaseIterable {
        case emptied, killed, frozen, blackHole, cut, slow, restartedWithAll, restartedWithSome, restartedWithNone
    }

    static let names = ["alpha", "beta", "gamma"]
    private static let clientCount = 5
    private static let partsPerClient = 3
    /// Of the simulation: short, so that much happens. Equal to the quarantine.
    private static let ttlMax = 8_000

    let time: SimulatedTime
    let server: SimulatedServer
    private(set) var clients: [SimulatedClient] = []
    private(set) var counts = Counts()
    private(set) var counters = [String: GuardedCounter]()
    var hasFaults = true

    private let seed: UInt64
    private var highest: [Identifier: Int] = [:]
    private var births = 0
    private var faults: [Fault] = []
    private var isClosing = false

    init(seed: UInt64) {
        self.seed = seed
        time = SimulatedTime(seed: seed)
        server = SimulatedServer(time, names: Self.names)
        for name in Self.names { counters[name] = GuardedCounter() }
        for _ in 0..<Self.clientCount { addClient() }
        time.afterEach = { [unowned self] in checkPromises() }
        time.after(20_000) { [unowned self] in nextFault() }
    }

    /// Lets all who are at it finish, without new faults.
    func close() {
        isClosing = true
        hasFaults = false
    }

    private func addClient() {
        births += 1
        let client = SimulatedClient(time, server, name: "c\(births)", quarantine: Self.ttlMax) {
            [unowned self] name, event in happened(name, event)
        }
        clients.append(client)
        reconnect(client, after: time.any(0...50))
        for part in 0..<Self.partsPerClient { idle(client, "part \(part)") }
    }

    private func happened(_ name: Identifier, _ event: LockKeeper.Event) {
        switch event {
        case .granted(let token):
            counts.acquired += 1
            #expect(token > highest[name] ?? 0, "seed \(seed), \(time.now): a token that does not rise")
            highest[name] = token
        case .reclaimed(let token):
            counts.reclaimed += 1
            #expect(token == highest[name], "seed \(seed), \(time.now): reclaimed by who was not the last")
        case .released: counts.released += 1
        case .lost: counts.lost += 1
        }
    }

    /// At any time: one valid holder of a lock at most, frozen ones included, who believe what they can check; and who
    /// runs was notified of a loss before the ttl ended.
    private func checkPromises() {
        var holders: [Identifier: Int] = [:]
        for client in clients {
            for handle in client.handles {
                if handle.check(at: client.now) {
                    let other = holders.updateValue(handle.token, forKey: handle.name)
                    #expect(other ?? handle.token == handle.token, "seed \(seed), \(time.now): two holders")
                }
                guard !client.isFrozen, let entry = handle.entry else { continue }
                let sent = client.link.lastGoodSend[entry.storeOwner] ?? .min
                #expect(time.now < sent + entry.ttl, "seed \(seed), \(time.now): a loss was not notified in time")
            }
        }
    }
}

/// The actions of a client's parts.
extension LockWorld {
    private func idle(_ client: SimulatedClient, _ part: String) {
        time.after(time.any(0...400)) { [unowned self] in
            guard !client.isDead, !isClosing else { return }
            client.run { [unowned self] in acquire(client, part) }
        }
    }

    private func acquire(_ client: SimulatedClient, _ part: String) {
        let name = Identifier(unchecked: Self.names[time.any(0...Self.names.count - 1)])
        let request = request(client, part, name, wait: time.happens(15) ? 0 : time.any(1...20_000))
        client.keeper.acquire(request) { [unowned self] result in
            guard !client.isDead else { return }
            guard case .success(let handle) = result else {
                counts.failed += 1
                return idle(client, part)
            }
            client.handles.append(handle)
            if time.happens(10) { enterAgain(client, part, handle) }
            let stay = time.happens(6) ? time.any(0...15_000) : time.any(0...250)
            work(client, part, handle, until: time.now + stay)
        }
    }

    private func request(
        _ client: SimulatedClient, _ part: String, _ name: Identifier, wait: Int
    ) -> LockRequest {
        let (seed, time) = (seed, time)
        var wasNotified = false
        return LockRequest(
            name: name, owner: part, ttl: time.any(3_000...Self.ttlMax), wait: wait, isAlive: { !time.happens(1) }
        ) { [weak client] _ in
            #expect(!wasNotified, "seed \(seed), \(time.now): notified twice")
            wasNotified = true
            client?.handles.removeAll { $0.entry == nil }
        }
    }

    /// The same owner once more: at once, the same token, and the lock stays until both are released.
    private func enterAgain(_ client: SimulatedClient, _ part: String, _ handle: LockHandle) {
        client.keeper.acquire(request(client, part, handle.name, wait: 0)) { [unowned self] result in
            guard case .success(let second) = result else { return }
            #expect(second.token == handle.token, "seed \(seed), \(time.now): another token for the same owner")
            client.keeper.release(second)
            #expect(handle.check(at: client.now), "seed \(seed), \(time.now): released too early")
        }
    }

    /// Adds 1 to the counter again and again. Checks before it reads, and now and then is interrupted after the check.
    private func work(_ client: SimulatedClient, _ part: String, _ handle: LockHandle, until end: Int) {
        guard !client.isDead, let counter = counters[handle.name.text] else { return }
        guard handle.check(at: client.now) else {
            client.handles.removeAll { $0 === handle }
            client.keeper.release(handle)
            return idle(client, part)
        }
        guard time.now < end else {
            client.handles.removeAll { $0 === handle }
            client.keeper.release(handle)
            return idle(client, part)
        }
        let value = counter.read(token: handle.token)
        time.after(time.any(1...60)) { [unowned self] in
            guard !client.isDead else { return }
            client.run { [unowned self] in
                if let value { counter.write(value + 1, token: handle.token) }
                time.after(time.any(0...60)) { [unowned self] in
                    client.run { [unowned self] in work(client, part, handle, until: end) }
                }
            }
        }
    }
}

/// The faults.
extension LockWorld {
    private func nextFault() {
        time.after(time.any(100...12_000)) { [unowned self] in
            if hasFaults { inject() }
            nextFault()
        }
    }

    private func inject() {
        // Rather one who holds something.
        let holders = clients.filter { !$0.handles.isEmpty }
        guard let client = (time.happens(70) && !holders.isEmpty ? holders : clients).randomElement(using: &time.random)
        else { return }
        let fault = nextKind()
        counts.faults.insert(fault)
        switch fault {
        case .emptied: if server.isUp { server.empty() }
        case .killed:
            client.die()
            clients.removeAll { $0 === client }
            addClient()
        case .frozen:
            client.freeze()
            time.after(time.any(50...14_000)) { client.thaw() }
        case .blackHole: blackHole(client)
        case .cut: client.run { [unowned self] in cut(client) }
        case .slow:
            client.link.lag = time.any(0...900)
            time.after(time.any(100...10_000)) { client.link.lag = 0 }
        case .restartedWithAll: restartServer(.all)
        case .restartedWithSome: restartServer(.some)
        case .restartedWithNone: restartServer(.none)
        }
    }

    /// All kinds come in each round, in an order of chance.
    private func nextKind() -> Fault {
        if faults.isEmpty {
            let once: [Fault] = [.emptied, .restartedWithAll, .restartedWithSome, .restartedWithNone]
            let often: [Fault] = [.killed, .frozen, .frozen, .blackHole, .blackHole, .cut, .slow]
            faults = (once + often + often + often).shuffled(using: &time.random)
        }
        return faults.removeLast()
    }

    private func restartServer(_ persistence: SimulatedServer.Persistence) {
        guard server.isUp else { return }
        server.kill()
        for client in clients { client.run { [unowned self] in cut(client) } }
        time.after(time.any(10...4_000)) { [unowned self] in server.restart(persistence) }
    }

    /// The client notices by the silence, as the health of its store says.
    private func blackHole(_ client: SimulatedClient) {
        client.link.isBlackHole = true
        time.after(StoreHealth.degradedMilliseconds) { [unowned self] in
            client.run { [unowned self] in cut(client, for: time.any(0...12_000)) }
        }
    }

    private func cut(_ client: SimulatedClient, for span: Int = 0) {
        guard !client.isDead, client.link.isConnected else { return }
        client.link.disconnect()
        client.keeper.storeLost()
        reconnect(client, after: span + time.any(0...500))
    }

    private func reconnect(_ client: SimulatedClient, after delay: Int) {
        time.after(delay) { [unowned self] in
            client.run { [unowned self] in
                guard !client.isDead, !client.link.isConnected else { return }
                guard server.isUp else { return reconnect(client, after: 200) }
                client.link.connect()
                client.keeper.storeConnected()
            }
        }
    }
}
