import ClusterState
import Core
import Rooms

/// A worker's questions to the other nodes about users. A node answers on the asking worker's own channel.
///
/// Thread: the worker's.
final class DeviceLocator {
    /// How long nodes have to answer; without an answer the rooms of their devices are not known.
    private static let patienceMilliseconds = 1_000

    private final class Question {
        var missing: Set<String>
        var answers: [String: [Whereabouts]] = [:]
        let until: Int
        let finish: ([String: [Whereabouts]]) -> Void

        init(of nodes: Set<String>, until: Int, finish: @escaping ([String: [Whereabouts]]) -> Void) {
            missing = nodes
            self.until = until
            self.finish = finish
        }
    }

    let channel: String
    private var questions: [Int: Question] = [:]
    private var nextQuestion = 0
    private var isSubscribed = false

    init(boot: String, worker: Int) { channel = "sluice:answers:\(boot):\(worker)" }

    /// Puts a question to nodes; `ask` sends it under its number.
    /// - Parameter finish: called once with what each node answered, by its run.
    func put(
        to nodes: Set<String>, through store: any Store, at now: Int, ask: @escaping (Int) -> Void,
        finish: @escaping ([String: [Whereabouts]]) -> Void
    ) {
        nextQuestion += 1
        let number = nextQuestion
        questions[number] = Question(of: nodes, until: now + Self.patienceMilliseconds, finish: finish)
        guard !isSubscribed else { return ask(number) }
        var isAsked = false
        store.subscribe(Array(channel.utf8)) { [weak self] notice in
            switch notice {
            case .live:
                self?.isSubscribed = true
                if !isAsked { ask(number) }
                isAsked = true
            case .interrupted: break
            case .message(let payload): self?.answered(payload)
            }
        }
    }

    /// Time has passed: gives up what was not answered.
    func ticked(at now: Int) {
        for (number, question) in questions where question.until <= now {
            questions[number] = nil
            question.finish(question.answers)
        }
    }

    private func answered(_ payload: [UInt8]) {
        guard let answer = WhereaboutsAnswer(payload), let question = questions[answer.question],
            question.missing.remove(answer.boot) != nil
        else { return }
        question.answers[answer.boot] = answer.whereabouts
        guard question.missing.isEmpty else { return }
        questions[answer.question] = nil
        question.finish(question.answers)
    }
}

/// A node's answer: the question's number, its run, and for each device a line with the device, and lines with a tab
/// and a room. Names contain neither.
package struct WhereaboutsAnswer: Equatable {
    let question: Int
    let boot: String
    let whereabouts: [Whereabouts]

    init(question: Int, boot: String, whereabouts: [Whereabouts]) {
        self.question = question
        self.boot = boot
        self.whereabouts = whereabouts
    }

    package var payload: [UInt8] {
        var lines = [String(question), boot]
        for entry in whereabouts { lines += [entry.device.text] + entry.rooms.map { "\t" + $0.text } }
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// Reads it; nil when it is none.
    package init?(_ payload: [UInt8]) {
        let lines = String(decoding: payload, as: UTF8.self).split(separator: "\n").map(String.init)
        guard lines.count >= 2, let question = Int(lines[0]) else { return nil }
        var found: [(device: Identifier, rooms: [Identifier])] = []
        for line in lines.dropFirst(2) {
            if line.hasPrefix("\t") {
                guard !found.isEmpty, let room = Identifier(validating: String(line.dropFirst())) else { return nil }
                found[found.count - 1].rooms.append(room)
            } else {
                guard let device = Identifier(validating: line) else { return nil }
                found.append((device, []))
            }
        }
        self.init(
            question: question, boot: lines[1],
            whereabouts: found.map { Whereabouts(device: $0.device, rooms: $0.rooms) })
    }
}
