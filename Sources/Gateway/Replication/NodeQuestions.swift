import ClusterState
import Core

/// A node's answer to a question of another node's worker.
protocol NodeAnswer {
    /// The number that the question had.
    var question: Int { get }
    /// The run of the node that answers.
    var boot: String { get }

    /// Reads it; nil when it is none.
    init?(_ payload: [UInt8])
}

/// One kind of questions that a worker puts to other nodes. A node answers on the asking worker's own channel.
///
/// Thread: the worker's.
final class NodeQuestions<Answer: NodeAnswer> {
    /// The answers to a question.
    struct Answers {
        /// By the runs of the nodes.
        fileprivate(set) var answers: [String: Answer] = [:]
        /// Nodes that have not answered.
        fileprivate(set) var missing: Set<String>

        var isComplete: Bool { missing.isEmpty }
    }

    private struct Question {
        var answers: Answers
        let until: Int
        /// When it is asked again, as who does not listen at the time misses it; nil: never.
        var againAt: Int?
        let ask: (Int) -> Void
        let finish: (Answers) -> Void
    }

    /// Questions that a worker has under way at most.
    private static var countMax: Int { 1_000 }

    let channel: String
    private let waitMilliseconds: Int
    private let againMilliseconds: Int?
    private var questions: [Int: Question] = [:]
    private var nextNumber = 0
    /// Questions that wait for the channel to be listened to; nil once it is.
    private var unasked: [() -> Void]? = []

    /// - Parameters:
    ///   - channel: nobody else listens to it.
    ///   - waitMilliseconds: how long nodes have to answer.
    ///   - againMilliseconds: after how long without an answer a question is put again; nil: it is put once.
    init(channel: String, waitMilliseconds: Int, againMilliseconds: Int? = nil) {
        (self.channel, self.waitMilliseconds, self.againMilliseconds) = (channel, waitMilliseconds, againMilliseconds)
    }

    /// Puts a question to nodes; `ask` sends it under its number, perhaps before this returns, and perhaps again. False
    /// when too many are under way.
    /// - Parameter finish: called once, and never before this returns.
    func put(
        to nodes: Set<String>, through store: any Store, at now: Int, ask: @escaping (Int) -> Void,
        finish: @escaping (Answers) -> Void
    ) -> Bool {
        guard questions.count < Self.countMax else { return false }
        nextNumber += 1
        let number = nextNumber
        questions[number] = Question(
            answers: Answers(missing: nodes), until: now + waitMilliseconds,
            againAt: againMilliseconds.map { now + $0 }, ask: ask, finish: finish)
        guard let unasked else {
            ask(number)
            return true
        }
        self.unasked = unasked + [{ ask(number) }]
        if unasked.isEmpty { listen(through: store) }
        return true
    }

    private func listen(through store: any Store) {
        store.subscribe(Array(channel.utf8)) { [weak self] notice in
            switch notice {
            case .live:
                let asks = self?.unasked ?? []
                self?.unasked = nil
                for ask in asks { ask() }
            case .interrupted: break
            case .message(let payload): self?.answered(payload)
            }
        }
    }

    /// Time has passed: gives up what was not answered, or asks again.
    func ticked(at now: Int) {
        for number in questions.filter({ $0.value.until <= now }).keys.sorted() { finish(number) }
        guard let againMilliseconds, unasked == nil else { return }
        for number in questions.filter({ $0.value.againAt.map { $0 <= now } ?? false }).keys.sorted() {
            questions[number]?.againAt = now + againMilliseconds
            questions[number]?.ask(number)
        }
    }

    private func answered(_ payload: [UInt8]) {
        guard let answer = Answer(payload) else { return }
        // Of a node that was not known, too: all hear a question.
        questions[answer.question]?.answers.missing.remove(answer.boot)
        questions[answer.question]?.answers.answers[answer.boot] = answer
        if questions[answer.question]?.answers.isComplete == true { finish(answer.question) }
    }

    private func finish(_ number: Int) {
        guard let question = questions.removeValue(forKey: number) else { return }
        question.finish(question.answers)
    }
}
