/// Where the entries of one former epoch stand in a history: for nodes that did not follow that
/// epoch.
///
/// What is committed again keeps its order, so a few runs say it all. Bound: `runsMax` runs, `entriesMax` entries.
package struct FormerMap: Equatable, Sendable {
    /// Entries one behind the other, in both.
    private struct Run: Equatable {
        let former: UInt64
        let present: UInt64
        var count: UInt64
    }

    package static let runsMax = 4096
    /// Entries that a history has at most.
    package static let entriesMax: UInt64 = 1_000_000

    private var runs: [Run] = []
    private var count: UInt64 = 0

    package init() {}

    package var isEmpty: Bool { runs.isEmpty }

    /// The entry that stood at `former` stands at `seq`. What comes beyond the bounds is left out.
    package mutating func append(_ former: UInt64, at seq: UInt64) {
        guard count < Self.entriesMax else { return }
        if let last = runs.last, last.former + last.count == former, last.present + last.count == seq {
            runs[runs.count - 1].count += 1
        } else {
            guard runs.count < Self.runsMax else { return }
            runs.append(Run(former: former, present: seq, count: 1))
        }
        count += 1
    }

    /// Calls `body` with the former and the present seq of each entry.
    package func withEach(_ body: (UInt64, UInt64) -> Void) {
        for run in runs { for step in 0..<run.count { body(run.former + step, run.present + step) } }
    }

    // MARK: As text

    /// "former present count …"
    package var text: String { runs.map { "\($0.former) \($0.present) \($0.count)" }.joined(separator: " ") }

    /// Reads such a text; nil when it is none. Total: whatever the text is.
    package init?(text: some StringProtocol) {
        let words = text.split(separator: " ").map { UInt64($0) }
        guard words.count.isMultiple(of: 3), words.count <= 3 * Self.runsMax else { return nil }
        for index in stride(from: 0, to: words.count, by: 3) {
            guard let former = words[index], let present = words[index + 1], let count = words[index + 2],
                former <= ReplicaLog.seqMax, present <= ReplicaLog.seqMax, count > 0,
                count <= Self.entriesMax - self.count
            else { return nil }
            runs.append(Run(former: former, present: present, count: count))
            self.count += count
        }
    }
}
