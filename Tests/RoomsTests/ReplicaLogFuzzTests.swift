import Core
import TestSupport
import Testing

@testable import Rooms

@Suite("A replica under events in any order")
struct ReplicaLogFuzzTests {
    /// The sum that a replica's results must make.
    private struct Model {
        var epoch = ""
        /// The seq of the last entry that came, was skipped or was passed.
        var reached: UInt64 = 0
        var opening: UInt64 = 0
        var faults: [String] = []
        /// Own messages that have no end yet, by number; true once provisional.
        var waiting: [UInt64: Bool] = [:]
        /// All openings that questions were asked in.
        var tickets: [ReplicaLog.Ticket] = []
        /// Names of fences.
        var fences = ["n:0"]

        mutating func asked(_ ticket: ReplicaLog.Ticket) {
            if ticket.opening < opening { faults.append("opening \(ticket.opening) follows \(opening)") }
            opening = ticket.opening
            tickets.append(ticket)
            if tickets.count > 12 { tickets.removeFirst() }
        }

        mutating func came(_ arrival: ReplicaLog.PlacedEntry) {
            if arrival.entry.seq != reached + 1 { faults.append("\(arrival.entry.seq) follows \(reached)") }
            reached = arrival.entry.seq
            if let own = arrival.own { ended(own) }
            if let repetition = arrival.repetition { ended(repetition.submission) }
        }

        mutating func passed(_ seq: UInt64) {
            if seq <= reached { faults.append("passed \(seq) behind \(reached)") }
            reached = seq
        }

        mutating func ended(_ submission: Submission) {
            guard let number = submission.number else { return }
            guard let wasProvisional = waiting.removeValue(forKey: number) else {
                return faults.append("\(number) ended twice")
            }
            if wasProvisional != submission.isProvisional { faults.append("\(number) changed in silence") }
        }

        mutating func submitted(_ result: ReplicaLog.Submitted, number: UInt64?) {
            switch result {
            case .taken: if let number { waiting[number] = false }
            case .provisional(let submission):
                guard let number = submission.number else { return faults.append("it has no number") }
                if waiting.updateValue(true, forKey: number) == true { faults.append("\(number) provisional twice") }
            case .repeated(let repetition): ended(repetition.submission)
            case .repeatedWaiting(let submission, _): ended(submission)
            case .refused: break
            }
        }
    }

    private struct Run: ~Copyable {
        var log = ReplicaLog(
            name: "n", limits: .init(dedupeMilliseconds: 50, keptMilliseconds: 100), isStoreAway: false)
        var model = Model()
        var random: SplitMix64
        var now = 0
        var seen: [SeenEntry] = []
        var sent: [Submission] = []
        /// State and event, as often as they met.
        var met: [String: Int] = [:]

        init(seed: UInt64) { random = SplitMix64(seed: seed) }

        private mutating func upTo(_ bound: Int) -> Int { Int.random(in: 0...bound, using: &random) }

        /// Mostly what is near, sometimes what no store says.
        private mutating func seq() -> UInt64 {
            switch upTo(30) {
            case 0: [0, .max, ReplicaLog.seqMax, ReplicaLog.seqMax + 1].randomElement(using: &random) ?? 0
            case 1...20: log.newestSeq &+ UInt64(upTo(3))
            default: UInt64(upTo(20))
            }
        }

        private mutating func entry() -> ReplicaLog.Entry {
            let seq = seq()
            let from = upTo(3) == 0 ? self.seq() : nil
            let id = upTo(2) == 0 ? "m\(upTo(9))" : "e\(seq)"
            let body = upTo(40) == 0 ? Array("no body".utf8) : sampleBody(id, content: "\(upTo(3))")
            return ReplicaLog.Entry(
                seq: seq, body: body, isStored: upTo(2) > 0, unstoredFrom: from, commit: ["a", "b", nil][upTo(2)])
        }

        private mutating func entries() -> [ReplicaLog.Entry] {
            guard upTo(2) > 0 else { return (0..<upTo(3)).map { _ in entry() } }
            return (1...UInt64(1 + upTo(3))).map { sampleEntry(min(log.newestSeq, 1 << 50) + $0) }
        }

        private mutating func epoch() -> String { upTo(6) == 0 ? "x\(upTo(2))" : log.epoch.isEmpty ? "e" : log.epoch }

        private mutating func ticket() -> ReplicaLog.Ticket {
            if upTo(4) > 0, let last = model.tickets.last { return last }
            return model.tickets.randomElement(using: &random) ?? log.ticket
        }

        private var stateName: String {
            switch log.state {
            case .away: "away"
            case .opening(let opening): opening.isLive ? "live opening" : "opening"
            case .catchingUp(let catchUp): if case .fenced = catchUp.reading { "fenced" } else { "catching up" }
            case .following(let following): following.hole == nil ? "following" : "hole"
            case .closed: "closed"
            }
        }

        mutating func step(closes: Bool) {
            let event = closes && upTo(300) == 0 ? 18 : upTo(17)
            met["\(stateName) \(event)", default: 0] += 1
            let before = log.state.opening
            perform(event)
            if let before, let after = log.state.opening, after < before { model.faults.append("an older opening") }
            drain()
            check()
        }

        private mutating func check() {
            if log.newestSeq != model.reached || log.epoch != model.epoch {
                model.faults.append("at \(log.epoch) \(log.newestSeq), model \(model.epoch) \(model.reached)")
            }
            if log.submissions.count != model.waiting.count {
                model.faults.append("\(log.submissions.count) wait, not \(model.waiting.count)")
            }
            let isBehind =
                switch log.state {
                case .opening, .catchingUp: true
                case .following: log.former.isAnyMissing
                case .away, .closed: false
                }
            if log.mayLetIn == isBehind { model.faults.append("it claims what it has not") }
            let (early, unheld) = (log.progress.early, log.messages.unheld)
            if early.count > EarlyEntries.countMax || unheld.count > UnheldMessages.countMax {
                model.faults.append("a bound was passed")
            }
        }

        // swift-format-ignore: one case per event
        private mutating func perform(_ event: Int) {
            switch event {
            case 0: unplace(log.storeLost())
            case 1: open(log.storeReturned())
            case 2: open(log.subscribed())
            case 3: placeAnswered()
            case 4:
                switch log.deletedAnswered(upTo(3) == 0, for: ticket()) {
                case .stale, .deleted: break
                case .read(let ticket, _): model.asked(ticket)
                }
            case 5, 6: rangeRead()
            case 7, 8: heard(entry(), epoch())
            case 9: _ = log.fencePassed(model.fences[upTo(model.fences.count - 1)])
            case 10: submit()
            case 11: flush()
            case 12: answered()
            case 13: poll()
            case 14:
                let question = ReplicaLog.Question.allCases[upTo(6)]
                if case .lost(let numbers) = log.refused(question, for: ticket()) { unplace(numbers) }
            case 15: withdrawOrUse()
            case 16: log.interrupted()
            case 17: open(upTo(1) == 0 ? log.epochBegan(epoch()) : log.doubtsPosition())
            default: log.closed()
            }
        }

        private mutating func open(_ ticket: ReplicaLog.Ticket?) { if let ticket { model.asked(ticket) } }

        private mutating func unplace(_ numbers: [UInt64]) {
            for number in numbers {
                let held = upTo(3) == 0 ? ReplicaLog.Held(seq: 1, time: nil) : nil
                let submission = log.submissions[number]
                let result = log.unplaced(number, held: held)
                if case .taken = result, submission != nil { model.faults.append("\(number) was lost") }
                model.submitted(result, number: number)
            }
        }

        private mutating func placeAnswered() {
            let place = ReplicaLog.Place(
                epoch: epoch(), newestSeq: seq(), unstoredFrom: upTo(2) == 0 ? seq() : nil)
            switch log.placeAnswered(place, for: ticket()) {
            case .stale: break
            case .askDeleted(let ticket), .read(let ticket, _): model.asked(ticket)
            }
        }

        private mutating func rangeRead() {
            let (entries, ticket, seen) = (entries(), ticket(), seen)
            var readEpoch: String? = epoch()
            if upTo(1) == 0, case .opening(let opening) = log.state, case .range(let place, _) = opening.step {
                readEpoch = place.epoch
            }
            let tail = upTo(2) == 0 ? ReplicaLog.Tail(commit: ["a", "b", nil][upTo(2)]) : nil
            let range = ReplicaLog.Range(entries, of: readEpoch, tail: tail)
            switch log.rangeRead(range, for: ticket, seen: { seen }) {
            case .stale, .taken: break
            case .open(let ticket), .fork(let ticket): model.asked(ticket)
            case .opened(let opened):
                model.epoch = opened.epoch
                if opened.isNew {
                    model.reached = opened.oldestBefore
                    self.seen = []
                } else if let seq = opened.skippedTo {
                    model.passed(seq)
                }
            }
        }

        private mutating func heard(_ entry: ReplicaLog.Entry, _ epoch: String) {
            switch log.entryHeard(entry, of: epoch) {
            case .nothing: break
            case .committed(let arrival): came(arrival)
            case .read(let ticket, _), .open(let ticket): model.asked(ticket)
            }
        }

        private mutating func came(_ arrival: ReplicaLog.PlacedEntry) {
            model.came(arrival)
            seen.append(SeenEntry(seq: arrival.entry.seq, body: arrival.entry.body))
            if seen.count > 30 { seen.removeFirst() }
        }

        private mutating func submit() {
            let number = log.submissions.nextNumber
            let held = log.wantsHeld && upTo(4) == 0 ? ReplicaLog.Held(seq: 1, time: 3) : nil
            let submission = sampleSubmission("m\(upTo(9))", content: "\(upTo(3))")
            model.submitted(log.submitted(submission, held: held, mayKeep: upTo(4) > 0), number: number)
        }

        private mutating func flush() {
            guard case .commit(let ticket, let batch) = log.flushed(sendsKept: upTo(1) == 0) else { return }
            if batch.isEmpty || Set(batch.map(\.isProvisional)).count > 1 { model.faults.append("a mixed batch") }
            model.asked(ticket)
            sent = batch
        }

        private mutating func answered() {
            let (epoch, isDeleted, ticket) = (epoch(), upTo(9) == 0, ticket())
            let isStale = ticket.opening != log.state.opening
            switch log.answered(of: epoch, isDeleted: isDeleted, for: ticket) {
            case .stale: return
            case .open(let ticket): model.asked(ticket)
            case .taken: break
            }
            if isStale { model.faults.append("a stale answer was taken") }
            for submission in sent {
                let place = Position(epoch: self.epoch(), seq: seq())
                switch upTo(3) {
                case 0: log.repetitionFound(submission, first: place, time: 1, isStored: upTo(1) == 0)
                case 1: log.restoringFound(submission.body, at: upTo(3) == 0 ? nil : place)
                default: heard(ReplicaLog.Entry(seq: seq(), body: submission.body), epoch)
                }
                drain()
            }
        }

        private mutating func poll() {
            now += upTo(20)
            switch log.polled(at: now) {
            case .nothing, .fenceGivenUp: break
            case .open(let ticket): model.asked(ticket)
            case .lost(let numbers): unplace(numbers)
            case .look(let ticket):
                model.asked(ticket)
                guard upTo(1) == 0 else { return }
                let place = upTo(9) == 0 ? nil : Position(epoch: epoch(), seq: seq())
                if case .open(let ticket) = log.looked(place, for: ticket) { model.asked(ticket) }
            }
        }

        private mutating func withdrawOrUse() {
            guard upTo(5) == 0 else { return open(log.used(at: now)) }
            for submission in log.withdraw(nil) { model.ended(submission) }
        }

        private mutating func drain() {
            for _ in 0..<5_000 {
                switch log.advanced() {
                case .nothing: return
                case .committed(let arrival): came(arrival)
                case .repeated(let repetition): model.ended(repetition.submission)
                case .skipped(let seq), .lost(let seq), .passedUnstored(let seq): model.passed(seq)
                case .fence(let ticket, let name):
                    model.asked(ticket)
                    model.fences = [name, "n:0"]
                case .read(let ticket, _): model.asked(ticket)
                case .restore(let ticket, let messages):
                    model.asked(ticket)
                    if messages.isEmpty { model.faults.append("nothing is restored") }
                case .caughtUp: break
                }
            }
            model.faults.append("it never ends")
        }
    }

    @Test("Whatever comes in whatever state, entries come out in order and every message has one end")
    func anyOrder() {
        var met: [String: Int] = [:]
        for seed in 1...300 as ClosedRange<UInt64> {
            var run = Run(seed: seed)
            for _ in 0..<1_000 where run.model.faults.isEmpty { run.step(closes: seed % 10 == 0) }
            #expect(run.model.faults == [], "seed \(seed)")
            met.merge(run.met, uniquingKeysWith: +)
        }
        let states = [
            "away", "opening", "live opening", "catching up", "fenced", "following", "hole", "closed",
        ]
        for state in states {
            for event in 0...17 { #expect(met["\(state) \(event)"] != nil, "\(event) did not meet \(state)") }
        }
    }
}
