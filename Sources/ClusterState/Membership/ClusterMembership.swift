/// The other nodes of a cluster as one node knows them: who is up, who is silent, who has gone.
///
/// A state machine. Times are milliseconds of one monotonic clock and never go back. Its driver calls `ticked` some
/// times per second, sends the beat that `ticked` asks for, and reports how that went. A node is known from its former
/// lives, and from a namesake, by its boot.
///
/// Nobody is declared gone for what the store did. Silence is counted on this node's clock, from when a beat was new
/// here, and only while the store answers; it takes two answers, as the first one after a stall may have overtaken the
/// beats that waited with it; and the store must have forgotten the node as well. So one that is declared gone and
/// lives after all learns it with its next beat, and publishes anew what it has.
package struct ClusterMembership: Sendable {
    /// A beat may be so early, so that a tick that comes a little early itself does not put it off to the next.
    private static let earlyMilliseconds = 100
    /// So long before a silent node is due to go the first of the two answers is asked for: two ticks.
    private static let doubtMilliseconds = 500

    package enum NodeEnd: String, Sendable {
        /// It ended in order.
        case left
        /// It gave no sign of life for NODE_EXPIRY_SECONDS.
        case silent
    }

    package enum Event: Equatable, Sendable {
        /// A node has come, or is heard of again.
        case up(NodeRecord)
        /// It has missed more than two beats.
        case suspect(NodeRecord)
        /// It has begun to drain.
        case draining(NodeRecord)
        /// It counts no more. Reported once of each life.
        case gone(NodeRecord, NodeEnd)
        /// Another living node has this node's NODE_ID. Reported once of each.
        case sameName(NodeRecord)
        /// The store had forgotten this node, which so counted as gone: the others have to get all of it anew.
        case forgotten
        /// One that counted as gone here lives: what it has published has to be read anew. Before its `up`.
        case returned(NodeRecord)
    }

    private struct Member {
        var record: NodeRecord
        /// The time of the last beat, by the store's clock.
        var beat: Int
        /// When it was, by this node's.
        var seenAt: Int
        /// An answer found it silent for nearly too long, or for longer; the next one, when it is too long, decides.
        var isDoubted = false
        var isNamesake = false
    }

    private struct Departed {
        let beat: Int
        let at: Int
    }

    /// For how long one that has gone is remembered. One that stood still for longer has published anew what it has, as
    /// the store made it do.
    private static let departedMilliseconds = 600_000

    private let node: String
    private let boot: String
    private let heartbeat: Int
    private let expiry: Int
    private var members: [String: Member] = [:]
    /// The last beats of those who went: as long as the store has them, or they may come back.
    private var departed: [String: Departed] = [:]
    /// Since when the store has known this node, as it last said.
    private var knownSince: Int?
    private var dueAt: Int
    private var isAsking = false
    /// When the present, or the last, beat was sent.
    private var askedAt: Int
    /// When the last beat was sent that was answered; nil before the first. What that answer did not have is newer.
    private var answeredBeatAt: Int?
    /// Silence from before this time does not count.
    private var countsFrom: Int
    /// How this node stands, as the others heard it last.
    private var publishedState: NodeRecord.State?
    private var askedState: NodeRecord.State?

    /// Whether the list may be out of date: the store is away, or has not answered yet.
    package private(set) var isStale = true

    /// - Parameters:
    ///   - node, boot: this node's.
    ///   - heartbeatMilliseconds: between two beats.
    ///   - expiryMilliseconds: more than two heartbeats.
    package init(node: String, boot: String, heartbeatMilliseconds: Int, expiryMilliseconds: Int, at now: Int) {
        self.node = node
        self.boot = boot
        heartbeat = heartbeatMilliseconds
        expiry = expiryMilliseconds
        dueAt = now
        countsFrom = now
        askedAt = now
    }

    /// The other nodes, by name and start.
    package var nodes: [NodeRecord] {
        members.values.map(\.record).sorted { ($0.node, $0.startedAt, $0.boot) < ($1.node, $1.startedAt, $1.boot) }
    }

    /// How long after the store's return nobody is declared gone: an expiry, and no less than nodes may take that
    /// lost their connections to it.
    private var graceMilliseconds: Int { max(expiry, Backoff.lastMilliseconds + heartbeat) }

    // MARK: Beats

    /// Time has passed. Returns whether a beat is due.
    package func ticked(at now: Int) -> Bool {
        guard !isAsking else { return false }
        if now + Self.earlyMilliseconds >= dueAt { return true }
        // One that has been silent for too long is asked after without waiting for the next beat.
        return !isStale
            && members.values.contains { member in
                silence(of: member, at: now) > (member.isDoubted ? expiry : expiry - Self.doubtMilliseconds)
            }
    }

    /// The beat to send. Its end must be reported by `beatAnswered` or `beatFailed`. One at a time.
    /// - Parameter record: this node's.
    package mutating func beat(_ record: NodeRecord, at now: Int) -> StoreOperation {
        isAsking = true
        askedAt = now
        askedState = record.state
        // A beat between two regular ones does not put off the next of these.
        if now + Self.earlyMilliseconds >= dueAt { dueAt = (now - dueAt < heartbeat ? dueAt : now) + heartbeat }
        return Beat.operation(
            boot: boot, record: record, isPublished: record.state != publishedState, expiryMilliseconds: expiry)
    }

    /// There is news here or elsewhere: the next beat is due.
    package mutating func hinted(at now: Int) {
        dueAt = min(dueAt, now)
    }

    /// A beat was not answered, or not by an answer.
    package mutating func beatFailed() {
        isAsking = false
        storeLost()
    }

    /// The store can't be reached. A beat that is under way may still be answered.
    package mutating func storeLost() {
        isStale = true
        publishedState = nil
    }

    /// A beat was answered.
    /// - Parameter unixNow: Unix milliseconds by this node's clock.
    package mutating func beatAnswered(_ answer: Beat.Answer, at now: Int, unixNow: Int) -> [Event] {
        isAsking = false
        publishedState = askedState
        if isStale, answeredBeatAt != nil { countsFrom = now + graceMilliseconds - expiry }
        var events: [Event] = knownSince.map { $0 != answer.knownSince } ?? false ? [.forgotten] : []
        knownSince = answer.knownSince
        isStale = false
        for sighting in answer.others where sighting.boot != boot {
            // Its end was published, and it has not been heard of since.
            guard departed[sighting.boot]?.beat != sighting.time else { continue }
            // The store's clock may jump; it does not make a beat older than an answer that did not have it.
            let age = min(max(0, answer.time - sighting.time), now - (answeredBeatAt ?? .min / 2))
            seen(sighting, at: now - age, unixTime: unixNow - age, &events)
        }
        let known = Set(answer.others.map(\.boot))
        departed = departed.filter { known.contains($0.key) || now - $0.value.at < Self.departedMilliseconds }
        answeredBeatAt = askedAt
        count(at: now, known, &events)
        return events
    }

    // MARK: What an answer says

    private mutating func seen(_ sighting: Beat.Sighting, at seenAt: Int, unixTime: Int, _ events: inout [Event]) {
        let former = members[sighting.boot]
        guard var record = sighting.record else {
            if let former {
                members[sighting.boot] = nil
                departed[sighting.boot] = Departed(beat: sighting.time, at: seenAt)
                events.append(.gone(former.record, .left))
            }
            return
        }
        guard former?.beat != sighting.time else { return }
        record.lastSeenAt = unixTime
        if departed.removeValue(forKey: sighting.boot) != nil { events.append(.returned(record)) }
        var member = Member(record: record, beat: sighting.time, seenAt: max(seenAt, former?.seenAt ?? seenAt))
        member.isNamesake = former?.isNamesake ?? false
        if former?.record.state != record.state {
            events.append(record.state == .draining ? .draining(record) : .up(record))
        }
        // A former life of this node may be in the store still; it gives no second sign.
        if former != nil, record.node == node, record.state != .draining, !member.isNamesake {
            member.isNamesake = true
            events.append(.sameName(record))
        }
        members[sighting.boot] = member
    }

    /// For how long a member has been silent, as far as that counts.
    private func silence(of member: Member, at now: Int) -> Int { now - max(member.seenAt, countsFrom) }

    /// - Parameter known: the nodes of which the store has a sign of life. It is the same for all nodes; so one that
    ///   goes here learns from the store that it was forgotten, should it live.
    private mutating func count(at now: Int, _ known: Set<String>, _ events: inout [Event]) {
        for (boot, member) in members.sorted(by: { $0.key < $1.key }) {
            let silence = silence(of: member, at: now)
            if silence > expiry, member.isDoubted, !known.contains(boot) {
                members[boot] = nil
                departed[boot] = Departed(beat: member.beat, at: now)
                events.append(.gone(member.record, .silent))
                continue
            }
            members[boot]?.isDoubted = silence > expiry - Self.doubtMilliseconds
            if silence > 2 * heartbeat, member.record.state != .suspect {
                members[boot]?.record.state = .suspect
                if let record = members[boot]?.record { events.append(.suspect(record)) }
            }
        }
    }
}
