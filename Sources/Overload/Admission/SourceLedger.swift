import Core

/// Who made a worker work, and for how long: its time by connection, and by address for requests. What is older than
/// some hundred milliseconds has faded.
///
/// Adding takes the same time whatever there is, and allocates nothing while the sources are the same. A value; times
/// are nanoseconds.
package struct SourceLedger: Sendable {
    /// The smallest source that is counted for itself.
    package enum Key: Hashable, Sendable {
        /// A WebSocket of any worker of the node, by its socket's key there.
        case connection(worker: Int, socketKey: UInt64)
        /// All HTTP requests of an address: over one connection of a proxy come those of many.
        case requests(IPAddress)
    }

    /// Somebody who may be limited.
    package enum Source: Hashable, Sendable {
        case single(Key)
        case user(Identifier)
        /// All that is said in a room, whoever says it.
        case room(Identifier)
        case address(IPAddress)
    }

    /// A source, with all that is known of it.
    package struct Load: Sendable {
        package let source: Source
        package var user: Identifier?
        package var address: IPAddress?
        package var room: Identifier?
        /// Of the worker's time, 0 … 1.
        package let share: Double
    }

    struct Entry {
        var nanoseconds: Int
        var user: Identifier?
        var address: IPAddress?

        /// A worker may learn later what it knows of a source: a delivery names its authors by their sockets alone.
        mutating func learn(_ facts: (user: Identifier?, address: IPAddress?)) {
            user = user ?? facts.user
            address = facts.address
        }
    }

    /// Sources that are kept apart. With more, the further ones count together.
    package static let entriesMax = 16_384
    /// A source that had less of the worker's time than this is never the heaviest: to limit it would not help.
    package static let leastShare = 0.1
    /// A source is over its fair share when it has so many times what others have.
    package static let overFactor = 4.0
    /// After so long only half counts.
    private static let halfLifeMilliseconds = 250
    /// A source of which less is left is forgotten.
    private static let leastNanoseconds = 1_000

    private var entries: [Key: Entry] = [:]
    private var rooms = RoomWork()
    /// The work of those that have no entry.
    private var rest = 0
    /// The time in which all this was done, fading alike; and how much of it has not faded yet, in milliseconds.
    private var elapsed = 0
    private var sinceFaded = 0

    package init() {}

    package var count: Int { entries.count }

    /// A source has taken some of the worker's time.
    /// - Parameter facts: of a source whose address is not known here yet: its user and its address, as far as they
    ///   are known.
    @inline(__always)
    package mutating func worked(
        _ nanoseconds: Int, by key: Key, _ facts: @autoclosure () -> (user: Identifier?, address: IPAddress?)
    ) {
        if let place = entries.index(forKey: key) {
            entries.values[place].nanoseconds += nanoseconds
            if entries.values[place].address == nil { entries.values[place].learn(facts()) }
        } else if entries.count < Self.entriesMax {
            let (user, address) = facts()
            entries[key] = Entry(nanoseconds: nanoseconds, user: user, address: address)
        } else {
            rest += nanoseconds
        }
    }

    /// So many messages of a room were handed to members, which has taken some of the worker's time.
    package mutating func delivered(_ count: Int, _ nanoseconds: Int, in room: Identifier) {
        rooms.delivered(count, nanoseconds, in: room)
    }

    /// Messages that were handed to members are written, which has taken so long.
    package mutating func wrote(nanoseconds: Int) { rooms.wrote(nanoseconds: nanoseconds) }

    /// Time has passed.
    package mutating func passed(milliseconds: Int) {
        elapsed += milliseconds * 1_000_000
        sinceFaded += milliseconds
        while sinceFaded >= Self.halfLifeMilliseconds {
            sinceFaded -= Self.halfLifeMilliseconds
            fade()
        }
    }

    private mutating func fade() {
        elapsed /= 2
        rest /= 2
        rooms.fade(least: Self.leastNanoseconds)
        var areLeft = 0
        for place in entries.values.indices {
            entries.values[place].nanoseconds /= 2
            if entries.values[place].nanoseconds >= Self.leastNanoseconds { areLeft += 1 }
        }
        // Seldom, so that the table is not copied each time for the few that went.
        guard areLeft < entries.count - entries.count / 4 else { return }
        entries = entries.filter { $0.value.nanoseconds >= Self.leastNanoseconds }
    }

    // MARK: The heaviest

    /// The narrowest source that is over its fair share while others have work, too: a connection before its user, a
    /// user before a room, a room before the address. Among those of a kind the heaviest. Nil: nobody is.
    ///
    /// A connection is held against what one connection of others has, a user against one user, a room by what its
    /// deliveries cost against those of one other room. An address is held by the work of *one of its* connections
    /// against that of one of others: many people behind one address are no attacker. Whose address this worker does
    /// not know, as that of another worker's connection, is not one of the others there: it may be of the same address.
    /// - Parameter isExhausted: sources from which nothing more can be taken.
    package func heaviest(isExhausted: (Source) -> Bool = { _ in false }) -> Load? {
        guard elapsed > 0 else { return nil }
        let active = entries.filter { $0.value.nanoseconds >= Self.leastNanoseconds }
        let total = active.values.reduce(rest) { $0 + $1.nanoseconds }
        return heaviestSingle(active, total, isExhausted) ?? heaviestUser(active, total, isExhausted)
            ?? heaviestRoom(isExhausted) ?? heaviestAddress(active, isExhausted)
    }

    /// - Parameters:
    ///   - work: of the source.
    ///   - weight: how many units it is.
    ///   - total: the work of all.
    ///   - units: how many units all are.
    private func isOver(_ work: Int, weight: Int, of total: Int, units: Int) -> Bool {
        guard units > weight, share(of: work) >= Self.leastShare else { return false }
        let others = Double(total - work) / Double(units - weight)
        return Double(work) / Double(weight) >= Self.overFactor * others
    }

    private func share(of work: Int) -> Double { Double(work) / Double(max(elapsed, 1)) }

    private func heaviestSingle(_ active: [Key: Entry], _ total: Int, _ isExhausted: (Source) -> Bool) -> Load? {
        let best = active.filter { !isExhausted(.single($0.key)) }.max { $0.value.nanoseconds < $1.value.nanoseconds }
        guard let (key, entry) = best, isOver(entry.nanoseconds, weight: 1, of: total, units: active.count) else {
            return nil
        }
        return Load(
            source: .single(key), user: entry.user, address: entry.address, share: min(1, share(of: entry.nanoseconds)))
    }

    private func heaviestUser(_ active: [Key: Entry], _ total: Int, _ isExhausted: (Source) -> Bool) -> Load? {
        var users: [Identifier: Int] = [:]
        var others = 0
        for entry in active.values {
            if let user = entry.user { users[user, default: 0] += entry.nanoseconds } else { others += 1 }
        }
        let best = users.filter { !isExhausted(.user($0.key)) }.max { $0.value < $1.value }
        guard let (user, work) = best, isOver(work, weight: 1, of: total, units: users.count + others) else {
            return nil
        }
        return Load(source: .user(user), user: user, share: min(1, share(of: work)))
    }

    private func heaviestRoom(_ isExhausted: (Source) -> Bool) -> Load? {
        let best = rooms.work.filter { !isExhausted(.room($0.key)) }.max { $0.value < $1.value }
        guard let (room, work) = best, isOver(work, weight: 1, of: rooms.total, units: rooms.work.count) else {
            return nil
        }
        return Load(source: .room(room), room: room, share: min(1, share(of: work)))
    }

    private func heaviestAddress(_ active: [Key: Entry], _ isExhausted: (Source) -> Bool) -> Load? {
        var addresses: [IPAddress: (work: Int, count: Int)] = [:]
        var (total, units) = (0, 0)
        for entry in active.values {
            guard let address = entry.address else { continue }
            total += entry.nanoseconds
            units += 1
            addresses[address, default: (0, 0)].work += entry.nanoseconds
            addresses[address, default: (0, 0)].count += 1
        }
        let best = addresses.filter {
            !isExhausted(.address($0.key))
                && isOver($0.value.work, weight: $0.value.count, of: total, units: units)
        }.max { $0.value.work < $1.value.work }
        guard let (address, sum) = best else { return nil }
        return Load(source: .address(address), address: address, share: min(1, share(of: sum.work)))
    }
}
