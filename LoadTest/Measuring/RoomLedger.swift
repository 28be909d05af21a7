/// The messages at the newest places of a room, as the first member of this process saw them. All others must see the
/// same, and a sender's messages must stand in the order in which they were numbered.
///
/// A ring of the newest `capacity` seqs, shared by all members of the process. Older ones are not compared.
struct RoomLedger: Sendable {
    /// Members are apart by at most what the server queues for them; most of the time they are at the same message.
    private static let capacity = 1024

    private struct Place: Sendable {
        var seq: UInt64 = 0
        var sender: UInt32 = 0
        var counter: UInt32 = 0
        /// The sender's counter did not rise here.
        var verdict = Verdict.good
    }

    enum Verdict: Sendable { case good, duplicated, misordered, corrupted }

    private var places: [Place] = []
    /// The newest message per sender.
    private var newest: [UInt32: (seq: UInt64, counter: UInt32)] = [:]

    /// Judges a message that is new to this member.
    @inline(__always)
    mutating func saw(_ seq: UInt64, sender: UInt32, counter: UInt32) -> Verdict {
        if places.isEmpty { places = Array(repeating: Place(), count: Self.capacity) }
        let index = Int(truncatingIfNeeded: seq) & (Self.capacity - 1)
        let place = places[index]
        if place.seq == seq {
            return place.sender == sender && place.counter == counter ? place.verdict : .corrupted
        }
        guard seq > place.seq else { return .good }
        return enter(seq, sender: sender, counter: counter, at: index)
    }

    /// The first sight of a seq in this process.
    private mutating func enter(_ seq: UInt64, sender: UInt32, counter: UInt32, at index: Int) -> Verdict {
        var verdict = Verdict.good
        if let former = newest[sender] {
            if counter == former.counter {
                verdict = .duplicated
            } else if (counter > former.counter) != (seq > former.seq) {
                verdict = .misordered
            }
        }
        if verdict == .good, seq > newest[sender]?.seq ?? 0 { newest[sender] = (seq, counter) }
        places[index] = Place(seq: seq, sender: sender, counter: counter, verdict: verdict)
        return verdict
    }

    /// Another history begins.
    mutating func reset() {
        places = []
        newest = [:]
    }
}
