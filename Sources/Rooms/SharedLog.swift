import Foundations
import WireProtocol

/// A message that waits for its place in a room's shared log.
package struct Submission: Sendable {
    /// Who is to be told of the place.
    package enum Author: Sendable {
        case connection(ConnectionInfo)
        /// A publishing request over HTTP, by the number that its node gave it.
        case request(UInt64)
        case nobody
    }

    package let user: Identifier
    /// What the id means, the key of a repetition.
    package let id: [UInt8]
    /// The id as it stands in the frame, the inside of a JSON string.
    package let rawID: [UInt8]
    /// The frame from the id on: what is kept, and what every node makes its frame of.
    package let body: [UInt8]
    /// Unix milliseconds.
    package let time: Int
    package let author: Author
    /// It was delivered without a place, because the store was away.
    package fileprivate(set) var isProvisional = false
    /// Once it has its place: whether the store keeps it.
    package var isStored = true
    /// Its number among the messages that this node submitted to the room; nil before that.
    package fileprivate(set) var number: UInt64?

    package init(user: Identifier, id: [UInt8], rawID: [UInt8], body: [UInt8], time: Int, author: Author) {
        self.user = user
        self.id = id
        self.rawID = rawID
        self.body = body
        self.time = time
        self.author = author
    }
}

/// How this node follows the history of one room that all nodes share: what it has seen of it, and which of its own
/// messages have no place in it yet.
///
/// The store is the truth. Whatever tells of an entry (the answer to our own commit, a publication, a range that was
/// read) comes to `arrived`, in any order and any number of times; it says which entries are next. Pure: effects are
/// results. Thread: the room's home's.
package struct SharedLog {
    package enum Standing: Sendable {
        /// The room's state was asked for and has not come.
        case opening
        /// In step: what is submitted is committed in the store.
        case following
        /// The store can't be reached: what is submitted is delivered without a place and kept.
        case away
    }

    /// Entries behind a hole that are kept; more are dropped, and read again with the hole.
    package static let earlyMax = 1024
    /// Messages that one commit carries, so that the store serves others in between.
    package static let batchMax = 256

    package private(set) var standing = Standing.opening
    /// The newest entry that this node has; the epoch is empty before the room was opened for the first time.
    package private(set) var epoch = ""
    package private(set) var newestSeq: UInt64 = 0
    /// A range is being read.
    package var isReading = false

    /// Messages without a place by their numbers, which rise by one; those that got theirs are nil. The first of them
    /// has the number `firstNumber`.
    private var submissions: ContiguousArray<Submission?> = []
    private var firstNumber: UInt64 = 0
    private var head = 0
    /// The number from which on nothing was sent.
    private var nextToSend: UInt64 = 0
    /// Numbers by the hash of what says which message it is, so that an entry is recognised as our own wherever it
    /// comes from, even when another node committed the same message first.
    private var numbers: [Int: UInt64] = [:]
    /// Those of the hashes that were found at a second message while the first one waited.
    private var repeated: Set<Int> = []
    /// Entries behind a hole, of another history, or that came before the room was opened.
    private var early: [Position: (body: [UInt8], isStored: Bool)] = [:]
    /// Messages, by what says which they are, that this node's members have seen in a former history and that have not
    /// come in this one.
    private var former: Set<[UInt8]> = []
    /// The places of all that members have seen in former histories, the first one first.
    private var formerPlaces: [[UInt8]: [Position]] = [:]

    package init() {}

    // MARK: Own messages

    /// Messages without a place, and the bytes of their bodies.
    package private(set) var waitingCount = 0
    package private(set) var waitingByteCount = 0

    /// Takes a message in; its number. While `standing` is away it is provisional, and is to be delivered so.
    package mutating func submitted(_ submission: Submission) -> UInt64 {
        let number = firstNumber + UInt64(submissions.count)
        submissions.append(submission)
        submissions[submissions.count - 1]?.isProvisional = standing == .away
        submissions[submissions.count - 1]?.number = number
        waitingCount += 1
        waitingByteCount += submission.body.count
        // Of repetitions the first one counts.
        let key = Self.keyHash(submission.body)
        if numbers[key] == nil { numbers[key] = number } else { repeated.insert(key) }
        return number
    }

    /// The number that the next message gets.
    package var nextNumber: UInt64 { firstNumber + UInt64(submissions.count) }

    /// The message of that number, if it has no place yet.
    package func submission(_ number: UInt64) -> Submission? {
        guard number >= firstNumber, number - firstNumber < UInt64(submissions.count) else { return nil }
        return submissions[Int(number - firstNumber)]
    }

    /// The message of the same user and id that waits, if there is one.
    package func waiting(like body: [UInt8]) -> Submission? {
        guard let number = numbers[Self.keyHash(body)], let found = submission(number), Self.areSame(found.body, body)
        else { return nil }
        return found
    }

    /// What says which message a body is of: its id and user.
    private static func key(_ body: [UInt8]) -> [UInt8] {
        body.withUnsafeBytes { Array($0.prefix(MessageBody.keyLength($0) ?? 0)) }
    }

    private static func keyHash(_ body: [UInt8]) -> Int {
        body.withUnsafeBytes { bytes in
            var hasher = Hasher()
            hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: bytes.prefix(MessageBody.keyLength(bytes) ?? 0)))
            return hasher.finalize()
        }
    }

    /// Whether both bodies are of the same user and id.
    package static func areSame(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        one.withUnsafeBytes { one in
            other.withUnsafeBytes { other in
                guard let length = MessageBody.keyLength(one), other.count >= length else { return false }
                return ByteOrder.areEqual(
                    UnsafeRawBufferPointer(rebasing: one.prefix(length)),
                    UnsafeRawBufferPointer(rebasing: other.prefix(length)))
            }
        }
    }

    /// The next messages to be committed, with their numbers: such as were kept for the store, or such as were not.
    /// Empty when there is nothing to send or it can't be sent.
    package mutating func takeUnsent() -> [(number: UInt64, submission: Submission)] {
        guard standing == .following else { return [] }
        var taken: [(number: UInt64, submission: Submission)] = []
        while nextToSend - firstNumber < UInt64(submissions.count), taken.count < Self.batchMax {
            if let submission = submissions[Int(nextToSend - firstNumber)] {
                if let first = taken.first, first.submission.isProvisional != submission.isProvisional { break }
                taken.append((nextToSend, submission))
            }
            nextToSend += 1
        }
        return taken
    }

    /// Whether `takeUnsent` would give something.
    package var hasUnsent: Bool {
        standing == .following && nextToSend - firstNumber < UInt64(submissions.count)
    }

    /// Whether the next message to be sent was kept for the store.
    package var nextWasKept: Bool {
        hasUnsent && submissions[Int(nextToSend - firstNumber)]?.isProvisional == true
    }

    /// A message was found to be a repetition: it waits no longer.
    package mutating func removed(_ number: UInt64) -> Submission? {
        guard let submission = submission(number) else { return nil }
        let index = Int(number - firstNumber)
        submissions[index] = nil
        waitingCount -= 1
        waitingByteCount -= submission.body.count
        assert(waitingCount >= 0 && waitingByteCount >= 0, "more messages were taken out than wait")
        let key = Self.keyHash(submission.body)
        if numbers[key] == number { numbers[key] = repeated.isEmpty ? nil : nextRepetition(of: key) }
        while head < submissions.count, submissions[head] == nil { head += 1 }
        if head == submissions.count || head >= 1024, head * 2 >= submissions.count {
            submissions.removeFirst(head)
            firstNumber += UInt64(head)
            nextToSend = max(nextToSend, firstNumber)
            head = 0
        }
        return submission
    }

    /// The first message that waits of those that share a hash; with none left it is not repeated any more.
    private mutating func nextRepetition(of key: Int) -> UInt64? {
        guard repeated.contains(key) else { return nil }
        let next = submissions[head...].firstIndex { $0.map { Self.keyHash($0.body) == key } ?? false }
        if next == nil { repeated.remove(key) }
        return next.map { firstNumber + UInt64($0) }
    }

    /// Takes back all messages that wait.
    package mutating func withdrawAll() -> [Submission] {
        let numbers = firstNumber..<nextNumber
        return numbers.compactMap { removed($0) }
    }

    private mutating func takeOwn(_ body: [UInt8]) -> Submission? {
        guard let number = numbers[Self.keyHash(body)], let found = submission(number), Self.areSame(found.body, body)
        else { return nil }
        return removed(number)
    }

    // MARK: The store

    /// The store answered with the room's place: entries up to `seq` are to be read from it or are known.
    package enum Opening: Equatable, Sendable {
        /// The same history goes on: what lies behind `newestSeq` is missing here.
        case goesOn
        /// Another history than the one that was known, or the first.
        case isNew
    }

    /// The room's state came: from now on the node follows. All of its messages that wait are to be sent (again).
    /// - Parameter oldestBefore: the seq before the oldest entry that the store still has.
    /// - Parameter seen: called when the history is new: what this node has of the former one.
    package mutating func opened(epoch: String, oldestBefore: UInt64, seen: () -> [(seq: UInt64, body: [UInt8])])
        -> Opening
    {
        standing = .following
        isReading = false
        nextToSend = firstNumber + UInt64(head)
        early = early.filter { $0.key.epoch == epoch }
        guard epoch != self.epoch else {
            newestSeq = max(newestSeq, oldestBefore)
            return .goesOn
        }
        if !self.epoch.isEmpty {
            for entry in seen() {
                let key = Self.key(entry.body)
                former.insert(key)
                formerPlaces[key, default: []].append(Position(epoch: self.epoch, seq: entry.seq))
            }
        }
        self.epoch = epoch
        newestSeq = oldestBefore
        return .isNew
    }

    /// The room's state is asked for.
    package mutating func reopening() { standing = .opening }

    /// The store can't be reached: all messages that wait are provisional from now on; the numbers of those that were
    /// not before are returned, and they are to be delivered.
    package mutating func storeLost() -> [UInt64] {
        standing = .away
        isReading = false
        var fresh: [UInt64] = []
        for index in head..<submissions.count where submissions[index]?.isProvisional == false {
            submissions[index]?.isProvisional = true
            fresh.append(firstNumber + UInt64(index))
        }
        return fresh
    }

    // MARK: Entries

    package enum Arrival {
        /// It was here before.
        case known
        /// It is the next: to be appended and delivered now. `own` is set when it came from this node; `isSeen` when the
        /// members saw it in a former history, and are not to get it again.
        case next(own: Submission?, isSeen: Bool)
        /// It is kept until the entries before it were read; `mustRead` when that is not under way.
        case early(mustRead: Bool)
        /// It belongs to another history, and is kept until the room is opened anew, which it must be.
        case foreign
    }

    /// An entry of the log was heard of.
    package mutating func arrived(epoch: String, seq: UInt64, body: [UInt8], isStored: Bool = true) -> Arrival {
        switch standing {
        case .away: return .known
        case .opening:
            keepEarly(epoch, seq, body, isStored)
            return .known
        case .following: break
        }
        guard epoch == self.epoch else {
            keepEarly(epoch, seq, body, isStored)
            return .foreign
        }
        guard seq > newestSeq else { return .known }
        guard seq == newestSeq + 1 else {
            keepEarly(epoch, seq, body, isStored)
            return .early(mustRead: !isReading)
        }
        newestSeq = seq
        let isSeen = !former.isEmpty && former.remove(Self.key(body)) != nil
        var own = takeOwn(body)
        own?.isStored = isStored
        return .next(own: own, isSeen: isSeen)
    }

    private mutating func keepEarly(_ epoch: String, _ seq: UInt64, _ body: [UInt8], _ isStored: Bool) {
        if early.count < Self.earlyMax { early[Position(epoch: epoch, seq: seq)] = (body, isStored) }
    }

    /// Where members first saw a message in a former history; nil if they did not.
    package func formerPlace(of body: [UInt8]) -> Position? {
        formerPlaces.isEmpty ? nil : formerPlaces[Self.key(body)]?.first
    }

    /// Whether somebody who has seen a former history up to `position` has seen a message there.
    package func wasSeen(_ body: [UInt8], upTo position: Position) -> Bool {
        formerPlaces[Self.key(body)]?.contains { $0.epoch == position.epoch && $0.seq <= position.seq } ?? false
    }

    /// Nobody repeats what was in former histories any more.
    package mutating func forgetFormerPlaces() { formerPlaces = [:] }

    /// Whether a body was seen in a former history and is missing in this one.
    package func isMissing(_ body: [UInt8]) -> Bool { former.contains(Self.key(body)) }

    /// A body that is missing has its place in this history, and will not come.
    package mutating func found(_ body: [UInt8]) { former.remove(Self.key(body)) }

    /// Whether something that was seen in a former history is missing in this one.
    package var isAnyMissing: Bool { !former.isEmpty }

    /// The entry that is next and came early, if there is one: it arrives now.
    package mutating func takeEarly() -> (seq: UInt64, body: [UInt8], isStored: Bool)? {
        guard !early.isEmpty else { return nil }
        guard let next = early.removeValue(forKey: Position(epoch: epoch, seq: newestSeq + 1)) else {
            early = early.filter { $0.key.epoch != epoch || $0.key.seq > newestSeq }
            return nil
        }
        return (newestSeq + 1, next.body, next.isStored)
    }

    /// Messages up to `limit` that have not come will not come: the store does not keep them, and what was published of
    /// them was lost. Passes those before the next one that came early.
    /// - Returns: whether something was passed.
    package mutating func passUnstored(upTo limit: UInt64) -> Bool {
        let next = early.keys.filter { $0.epoch == epoch && $0.seq > newestSeq }.map(\.seq).min() ?? limit + 1
        return trimmed(upTo: min(next - 1, limit))
    }

    /// A range was read, and entries up to `oldestBefore` are no longer in the store: they can't come any more.
    /// - Returns: whether something was skipped by that.
    package mutating func trimmed(upTo oldestBefore: UInt64) -> Bool {
        guard oldestBefore > newestSeq else { return false }
        newestSeq = oldestBefore
        return true
    }
}
