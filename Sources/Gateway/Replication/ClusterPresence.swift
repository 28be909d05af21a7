import ClusterState
import Core
import Rooms

/// Whom presence is about: a room, or a user. On the home's thread.
protocol ClusterPresenceDelegate: AnyObject {
    /// Who is in on this node.
    var attendances: [Attendance] { get }
    /// A node says something else of a user than before; nil: that the user is not in on it. `boot` is its run.
    func presenceMoved(_ user: Identifier, on boot: String, from old: RemoteAttendance?, to new: RemoteAttendance?)
}

/// Who is in a room, or connected as a user, on the other nodes. Every node says who is in on it, and keeps what the
/// others said.
///
/// The store's view is read in parts, and compared: with what the others were known to have, and with who is in here;
/// what the store lacks of that is published, and what it has beyond is taken back.
///
/// Thread: the home worker's.
final class ClusterPresence {
    /// Between reading who is in and believing that all living nodes have said so: time enough for each of them to
    /// notice that the store is back, and for the dead ones' leases to end.
    private static let settlingMilliseconds = 5_000
    private static let dropsPerTick = 2_000

    /// One reading of all that the store knows.
    private struct Reading {
        /// Where the next part begins.
        var cursor = RoomPresence.start
        /// Who is in elsewhere, by run and user, as far as it was read.
        var known: Set<Place> = []
        /// The store's records of this node.
        var own: [Identifier: [UInt8]] = [:]
        /// Of whom something was heard meanwhile: that is newer.
        var heard: Set<Place> = []
        /// Whether who was not found is gone.
        let isFinal: Bool
        /// Whether the log is looked at, too.
        let looksAtLog: Bool
        var isUnderWay = false
    }

    private struct Place: Hashable {
        let boot: String
        let user: Identifier
    }

    private(set) var roster = RemoteRoster()
    private let core: WorkerCore
    private unowned let replication: Replication
    private unowned let channel: LogChannel
    private unowned let delegate: any ClusterPresenceDelegate
    private var reading: Reading?
    /// Another reading follows the present one, which may have begun too early.
    private var next: (isFinal: Bool, looksAtLog: Bool)?
    private var wasRead = false
    /// Those whom nobody named, and who are still in the roster.
    private var missing: [Place] = []
    /// Those of whom something was heard since they were missed.
    private var found: Set<Place> = []
    /// Until `settledAt` (loop milliseconds) nobody is missed.
    private var isSettling = false
    private var settledAt = 0

    private let place: PresencePlace

    init(
        _ channel: LogChannel, of place: PresencePlace, _ core: WorkerCore, _ replication: Replication,
        delegate: any ClusterPresenceDelegate
    ) {
        self.place = place
        self.channel = channel
        self.core = core
        self.replication = replication
        self.delegate = delegate
    }

    /// A user's connections on this node are others than before: the other nodes are notified.
    /// - Parameter claim: set when the user came or went.
    func publish(_ user: Identifier, _ attendance: Attendance, _ claim: PresenceClaim? = nil) {
        replication.presence.publish(channel.keys, place, user, record(of: attendance), claim)
    }

    /// The record that the others get of a user; empty when the user is not in.
    private func record(of attendance: Attendance) -> [UInt8] {
        let devices = attendance.entries.map { entry in
            RemoteAttendance.Device(
                device: entry.info.device, deviceType: entry.info.deviceType, connectedAt: entry.info.connectedAt)
        }
        return devices.isEmpty ? [] : RemoteAttendance(node: core.context.nodeID, devices: devices).record
    }

    // MARK: Reading

    /// The log was opened, or opened again: compares who is in with what the store has. What the store may have lost
    /// comes back in time; only then is somebody missed.
    func read() { read(looksAtLog: false) }

    /// As `read`, and looks at the log, too: the store may have lost that as well, and said nothing.
    func check() { read(looksAtLog: true) }

    private func read(looksAtLog: Bool) {
        isSettling = true
        settledAt = core.loop.now + Self.settlingMilliseconds
        begin(isFinal: false, looksAtLog: looksAtLog)
        replication.settle(self, at: settledAt)
    }

    /// From now on nobody is missed, and no answer counts: what it is about may be gone before this is, for which
    /// others still have work.
    func end() {
        isSettling = false
        (reading, next) = (nil, nil)
        (missing, found) = ([], [])
    }

    /// The time has come to miss those whom nobody named.
    func settle() {
        guard isSettling, core.loop.now >= settledAt else { return }
        isSettling = false
        begin(isFinal: true, looksAtLog: false)
    }

    private func begin(isFinal: Bool, looksAtLog: Bool) {
        if let reading, reading.isUnderWay || reading.cursor != RoomPresence.start {
            next = (isFinal, looksAtLog || next?.looksAtLog == true)
            return
        }
        let isWaiting = reading != nil
        reading = Reading(isFinal: isFinal, looksAtLog: looksAtLog || reading?.looksAtLog == true)
        if !isWaiting { replication.presenceReads.wants(self, isUrgent: !wasRead) }
    }

    /// Its turn at reading; `ended` is called when the store has answered, or there is nothing to be read.
    func readPart(_ ended: @escaping () -> Void) {
        guard let reading, !reading.isUnderWay else { return ended() }
        guard !channel.isAway, !replication.isStoreAway else {
            // The log is opened again when the store is back, and so it is read again.
            (self.reading, next) = (nil, nil)
            return ended()
        }
        self.reading?.isUnderWay = true
        channel.store.perform(RoomPresence.page(channel.keys, from: reading.cursor)) { [weak self] result in
            self?.answered((try? result.get()).flatMap(RoomPresence.page))
            ended()
        }
    }

    private func answered(_ page: RoomPresence.Page?) {
        guard reading != nil, !channel.isAway else {
            (reading, next) = (nil, nil)
            return
        }
        guard let page else { return refused() }
        take(page.entries)
        reading?.isUnderWay = false
        guard let cursor = page.next else { return finish() }
        reading?.cursor = cursor
        replication.presenceReads.wants(self, isUrgent: !wasRead)
    }

    /// The store gave no answer: who waits goes on with what is known, and it is read later.
    private func refused() {
        guard let refused = reading else { return }
        reading = Reading(isFinal: refused.isFinal, looksAtLog: refused.looksAtLog)
        replication.presenceReads.wantsLater(self)
        channel.presenceRead()
    }

    /// A part has come. What nodes have left there that are gone is the janitor's business.
    private func take(_ entries: [RoomPresence.Change]) {
        guard let isFinal = reading?.isFinal else { return }
        let living = Set(replication.otherNodes.map(\.boot))
        for entry in entries {
            if entry.boot == core.context.boot {
                reading?.own[entry.user] = entry.record
                continue
            }
            // Until it is settled a node may be alive and not have beaten yet.
            if replication.goneNodes.contains(entry.boot) || isFinal && !living.contains(entry.boot) { continue }
            let place = Place(boot: entry.boot, user: entry.user)
            reading?.known.insert(place)
            if reading?.heard.contains(place) == false {
                heard(entry.user, by: entry.boot, RemoteAttendance(record: entry.record))
            }
        }
    }

    private func finish() {
        guard let reading else { return }
        self.reading = nil
        wasRead = true
        publishDifferences(from: reading.own)
        if reading.isFinal {
            missing = roster.entries.lazy.map { Place(boot: $0.boot, user: $0.user) }
                .filter { !reading.known.contains($0) && !reading.heard.contains($0) }
            found = []
            dropMissing()
        }
        if reading.looksAtLog { channel.lookAtLog() }
        if let next {
            self.next = nil
            begin(isFinal: next.isFinal, looksAtLog: next.looksAtLog)
        }
        channel.presenceRead()
    }

    /// Drops some of those whom nobody named; the others at the next ticks, so that many make no long turn.
    func dropMissing() {
        for place in missing.suffix(Self.dropsPerTick) where !found.contains(place) {
            heard(place.user, by: place.boot, nil)
        }
        missing.removeLast(min(missing.count, Self.dropsPerTick))
        if missing.isEmpty { found = [] } else { replication.presenceReads.goesOn(self) }
    }

    /// Publishes who is in here, as far as the store has something else, and takes back what is not so any more.
    private func publishDifferences(from stored: [Identifier: [UInt8]]) {
        var stale = stored
        for attendance in delegate.attendances {
            guard let user = attendance.user else { continue }
            let known = stale.removeValue(forKey: user)
            let record = record(of: attendance)
            guard known != record else { continue }
            replication.presence.republish(channel.keys, place, user, record, at: core.loop.unixNow)
        }
        for user in stale.keys { publish(user, .none) }
    }

    // MARK: What others say

    /// A node said something; nil: what can't be read, and so is looked up.
    func heard(_ change: RoomPresence.Change?) {
        guard let change else { return read() }
        guard change.boot != core.context.boot else { return }
        let place = Place(boot: change.boot, user: change.user)
        reading?.heard.insert(place)
        if !missing.isEmpty { found.insert(place) }
        heard(change.user, by: change.boot, RemoteAttendance(record: change.record))
    }

    /// A node is gone, and with it all who were in on it.
    func nodeGone(_ boot: String) {
        for user in roster.users(of: boot) { heard(user, by: boot, nil) }
    }

    private func heard(_ user: Identifier, by boot: String, _ attendance: RemoteAttendance?) {
        let old = roster.attendance(of: user, by: boot)
        guard old != attendance else { return }
        roster.heard(user, by: boot, attendance)
        delegate.presenceMoved(user, on: boot, from: old, to: attendance)
    }
}
