/// A node's own messages that have no place in a log yet, by number, and which of them were sent.
///
/// Numbers rise by one and are never given twice. Finding one by number or by user and id costs the same however many
/// wait. Bound: the caller's, who counts what a node keeps; what was sent is bounded by the store's answers.
package struct Submissions {
    /// Messages that one commit carries at most, so that the store serves others in between.
    package static let batchMax = 256
    /// Bytes of bodies after which a commit carries no more; one message may be larger.
    package static let batchBytesMax = 1024 * 1024

    /// Those that got their place are nil. The first one has the number `firstNumber`.
    private var entries: ContiguousArray<Submission?> = []
    private var firstNumber: UInt64 = 0
    private var head = 0
    /// The number from which on nothing was sent.
    private var nextToSend: UInt64 = 0
    /// Numbers by the hash of user and id, so that an entry is recognised as our own wherever it comes from, even when
    /// another node committed the same message first. Of repetitions the first one counts.
    private var numbers: [Int: UInt64] = [:]
    /// Those of the hashes that were found at a second message while the first one waited.
    private var repeated: Set<Int> = []
    package private(set) var count = 0
    /// The number behind the last message that was delivered without a place.
    package private(set) var unshownFrom: UInt64 = 0

    package init() {}

    /// The number that the next message gets.
    package var nextNumber: UInt64 { firstNumber + UInt64(entries.count) }

    /// The number of the first message that waits; the next one's when none does.
    package var oldestNumber: UInt64 { firstNumber + UInt64(head) }

    /// Takes a message in; what it is from now on.
    package mutating func append(_ submission: Submission, isProvisional: Bool) -> Submission {
        var submission = submission
        let number = nextNumber
        submission.isProvisional = isProvisional
        submission.number = number
        if isProvisional { unshownFrom = number + 1 }
        entries.append(submission)
        count += 1
        let key = MessageKey.hash(of: submission.body)
        if numbers[key] == nil { numbers[key] = number } else { repeated.insert(key) }
        return submission
    }

    /// The message of that number, if it has no place yet.
    package subscript(number: UInt64) -> Submission? {
        guard number >= firstNumber, number - firstNumber < UInt64(entries.count) else { return nil }
        return entries[Int(number - firstNumber)]
    }

    /// The first message of the same user and id that waits, if there is one.
    package func first(like body: [UInt8]) -> Submission? {
        guard count > 0, let number = numbers[MessageKey.hash(of: body)], let found = self[number],
            MessageKey.areSame(found.body, body)
        else { return nil }
        return found
    }

    /// All that wait, in their order.
    package var waiting: [Submission] { entries[head...].compactMap { $0 } }

    /// A message is delivered without a place from now on.
    package mutating func madeProvisional(_ number: UInt64) -> Submission? {
        guard self[number] != nil else { return nil }
        entries[Int(number - firstNumber)]?.isProvisional = true
        unshownFrom = max(unshownFrom, number + 1)
        return self[number]
    }

    /// Takes a message out: it waits no longer.
    package mutating func remove(_ number: UInt64) -> Submission? {
        guard let submission = self[number] else { return nil }
        entries[Int(number - firstNumber)] = nil
        count -= 1
        assert(count >= 0, "more messages were taken out than wait")
        let key = MessageKey.hash(of: submission.body)
        if numbers[key] == number { numbers[key] = repeated.isEmpty ? nil : nextRepetition(of: key) }
        while head < entries.count, entries[head] == nil { head += 1 }
        if head == entries.count || head >= 1024, head * 2 >= entries.count {
            entries.removeFirst(head)
            firstNumber += UInt64(head)
            nextToSend = max(nextToSend, firstNumber)
            head = 0
        }
        return submission
    }

    /// Takes out the first message of the same user and id.
    package mutating func remove(like body: [UInt8]) -> Submission? {
        first(like: body)?.number.flatMap { remove($0) }
    }

    /// Takes out the messages of these numbers, as far as they wait; nil: all.
    package mutating func removeAll(_ numbers: [UInt64]? = nil) -> [Submission] {
        (numbers ?? Array(firstNumber..<nextNumber)).compactMap { remove($0) }
    }

    /// The first message that waits of those that share a hash; with none left it is not repeated any more.
    private mutating func nextRepetition(of key: Int) -> UInt64? {
        guard repeated.contains(key) else { return nil }
        let next = entries[head...].firstIndex { $0.map { MessageKey.hash(of: $0.body) == key } ?? false }
        if next == nil { repeated.remove(key) }
        return next.map { firstNumber + UInt64($0) }
    }

    // MARK: Sending

    /// Whether something waits that was not sent.
    package var hasUnsent: Bool { nextToSend - firstNumber < UInt64(entries.count) }

    /// Whether the next message to be sent was kept for the store.
    package var nextWasKept: Bool {
        guard hasUnsent else { return false }
        let next = entries[Int(nextToSend - firstNumber)...].first { $0 != nil }
        return next??.isProvisional == true
    }

    /// The next messages to be committed: such as were kept for the store, or such as were not.
    package mutating func takeUnsent() -> [Submission] {
        var taken: [Submission] = []
        var bytes = 0
        while hasUnsent, taken.count < Self.batchMax, bytes < Self.batchBytesMax {
            if let submission = entries[Int(nextToSend - firstNumber)] {
                if let first = taken.first, first.isProvisional != submission.isProvisional { break }
                taken.append(submission)
                bytes += submission.body.count
            }
            nextToSend += 1
        }
        return taken
    }

    /// All that waits must be sent (again).
    package mutating func unsend() { nextToSend = firstNumber + UInt64(head) }
}
