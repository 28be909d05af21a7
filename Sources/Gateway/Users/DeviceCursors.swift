import ClusterState
import Core
import Rooms

/// How far the devices of a cluster's user have processed the inbox, as the store and this node know it. What the store
/// could not be made to know is said again until it does.
///
/// Thread: the home worker's.
final class DeviceCursors {
    typealias Completion = (InboxStart?) -> Void

    private unowned let replicated: ReplicatedUser
    /// Progress that the store is not known to know. At most `Inbox.cursorsMax` devices, and those that are not
    /// remembered.
    private var unwritten: [InboxCursors.Processed] = []
    /// Who waits for a device's cursor.
    private var waiting: [Int: Completion] = [:]
    private var lastWaiting = 0
    /// Questions that the store has not answered.
    private var underWay = 0
    /// When the store was last made to keep them, loop milliseconds.
    private var keptAt: Int?

    init(of replicated: ReplicatedUser) { self.replicated = replicated }

    private var inbox: Inbox { replicated.inbox }
    private var core: WorkerCore { replicated.core }
    private var isStoreAway: Bool { replicated.replication.isStoreAway }

    /// Nothing waits for the store.
    var isIdle: Bool { waiting.isEmpty && unwritten.isEmpty && underWay == 0 }

    /// Asks where a device goes on; it gets a cursor if it has none. The completion gets nil when nobody can say now.
    /// - Parameters:
    ///   - device: nil: one that is not remembered.
    ///   - came: where any device had acked when this one came, as far as it is known: a device without a cursor begins
    ///     there, and not where others have acked since.
    func begin(_ device: Identifier?, cameAt came: InboxCursor, _ completion: @escaping Completion) {
        guard !isStoreAway else { return completion(nil) }
        lastWaiting += 1
        let number = lastWaiting
        waiting[number] = completion
        perform(beginning: device.map { ($0, came) }) { [weak self] result in
            guard let self, let completion = waiting.removeValue(forKey: number) else { return }
            switch result {
            case .success: completion(start(of: device, cameAt: came))
            // Without the store this node's own knowledge has to do.
            case .failure(let fault): completion(Self.isForGood(fault) ? start(of: device, cameAt: came) : nil)
            }
        }
    }

    private func start(of device: Identifier?, cameAt came: InboxCursor) -> InboxStart? {
        guard let replica = replicated.replica else { return nil }
        let beginning = came.positions.isEmpty ? inbox.acked : came
        return InboxStart(cursor: device.flatMap(inbox.cursor) ?? beginning, proof: replica.log.nextProof)
    }

    /// A device whose cursor is empty begins before the oldest entry: its inbox was made after it came.
    func began(_ device: Identifier) {
        let beginning = InboxCursor([Position(epoch: inbox.log.epoch, seq: inbox.log.oldestSeq - 1)])
        inbox.merge(beginning, of: device)
        note((device, beginning))
        write()
    }

    /// A device has processed the inbox up to a position.
    /// - Parameter device: nil: one that is not remembered.
    func acknowledged(_ position: Position, by device: Identifier?) {
        let isKnown = inbox.acknowledged(position, device: device)
        // Of another history than this node knows only the store can say whether it was this inbox's.
        guard isKnown || replicated.replica?.log.standing != .inStep else { return }
        note((device, InboxCursor([position])))
        write()
    }

    private func note(_ processed: InboxCursors.Processed) {
        guard !processed.cursor.positions.isEmpty else { return }
        if let index = unwritten.firstIndex(where: { $0.device == processed.device }) {
            unwritten[index].cursor.merge(processed.cursor)
        } else {
            unwritten.append(processed)
            if unwritten.count > Inbox.cursorsMax + 1 { unwritten.removeFirst() }
        }
    }

    /// Has the store know all that this node knows: it may have lost what it had.
    func writeAll() {
        note((nil, inbox.acked))
        for (device, cursor) in inbox.allCursors { note((device, cursor)) }
        write()
    }

    /// Has the store know what it is not known to know.
    func write() { if !unwritten.isEmpty, !isStoreAway { perform(beginning: nil) { _ in } } }

    /// Time has passed (loop milliseconds): says again what had no answer, and what the store would forget.
    func poll(at now: Int) {
        let span = core.configuration.inboxTTLMilliseconds / 4
        if !replicated.user.attendance.isEmpty, now - (keptAt ?? now) >= span { writeAll() } else { write() }
    }

    private func perform(
        beginning: (device: Identifier, at: InboxCursor)?,
        _ completion: @escaping (Result<Void, StoreFault>) -> Void
    ) {
        let processed = unwritten
        unwritten = []
        underWay += 1
        keptAt = core.loop.now
        let operation = InboxCursors.operation(
            replicated.keys, processed, beginning: beginning, devicesMax: Inbox.cursorsMax,
            kept: core.configuration.inboxTTLMilliseconds)
        replicated.replication.store.perform(operation) { [weak self] result in
            guard let self else { return }
            underWay -= 1
            switch result {
            case .success(let reply):
                if let known = InboxCursors(reply) { remember(known) }
                completion(.success(()))
            case .failure(let fault):
                // What is there can't be a cursor: nothing can be noted.
                if !Self.isForGood(fault) { for entry in processed { note(entry) } }
                completion(.failure(fault))
            }
        }
    }

    /// Whether the same question would be refused again: what lies in the store is not what it must be.
    private static func isForGood(_ fault: StoreFault) -> Bool {
        if case .refused("WRONGTYPE", _) = fault { true } else { false }
    }

    /// Asks how far any device has come; at once without an answer when the store is away.
    func read(_ completion: @escaping () -> Void) {
        guard !isStoreAway else { return completion() }
        replicated.replication.store.perform(InboxCursors.all(replicated.keys)) { [weak self] result in
            if let self, let known = (try? result.get()).flatMap(InboxCursors.init) { remember(known) }
            completion()
        }
    }

    private func remember(_ known: InboxCursors) {
        inbox.mergeAcked(known.acked)
        for (device, cursor) in known.devices { inbox.merge(cursor, of: device) }
    }

    func storeLost() {
        let asked = waiting.sorted { $0.key < $1.key }.map(\.value)
        waiting = [:]
        for completion in asked { completion(nil) }
    }
}
