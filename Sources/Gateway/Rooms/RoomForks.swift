import ClusterState
import Core
import Rooms

/// Leads positions over that are of epochs of which this node knows too little: has the other nodes say where the
/// entries of such an epoch stand now, and answers what they ask of this one.
///
/// Only who came with such a position waits for that, at most `Replication.forkMilliseconds`, and a room that has not
/// placed its members yet. What was learned of an epoch is kept as long as the present one lasts. Thread: the home
/// worker's.
final class RoomForks {
    /// Former epochs of a room that are asked for at a time.
    private static let askedMax = 16
    /// Questions of others that wait until this node is in step.
    private static let unansweredMax = 64

    private unowned let replicated: ReplicatedRoom
    /// Former epochs that were asked for, and are not settled.
    private var asked: Set<String> = []
    private var unanswered: [ForkQuestion] = []
    /// Former epochs of which this node knows more than the present log says.
    private var unsaid: Set<String> = []
    /// When members are placed whatever was answered, loop milliseconds; nil: they do not wait for an answer.
    private var placesAt: Int?

    init(of replicated: ReplicatedRoom) { self.replicated = replicated }

    private var replication: Replication { replicated.replication }
    private var core: WorkerCore { replicated.core }
    private var log: MemoryLog { replicated.home.room.log }

    // MARK: This node's questions

    /// Whether all is known of a position that can be had; else the other nodes are asked, and members and arrivals
    /// are looked at again when they have answered.
    func isSettled(_ position: Position) -> Bool {
        guard position.epoch != log.epoch, !replicated.former.covers(position), ForkQuestion.canName(position.epoch),
            let replica = replicated.replica, !replica.log.isAway, !replication.nodesToAsk.isEmpty
        else { return true }
        ask(position.epoch)
        return false
    }

    private func ask(_ former: String) {
        guard !asked.contains(former), asked.count < Self.askedMax else { return }
        let (questions, store) = (replication.forks, replication.store)
        let (boot, room, present) = (core.context.boot, replicated.home.room.id, log.epoch)
        let isAsked = questions.put(
            to: replication.nodesToAsk, through: store, at: core.loop.now
        ) { [channel = questions.channel] number in
            let question = ForkQuestion(
                answerChannel: channel, number: number, boot: boot, room: room, present: present, former: former)
            store.perform(.publish(channel: ForkQuestion.channel, payload: question.payload), in: .reads) { _ in }
        } finish: { [weak self] answers in
            self?.answered(former, in: present, answers)
        }
        if isAsked { asked.insert(former) }
    }

    private func answered(_ former: String, in present: String, _ found: NodeQuestions<ForkAnswer>.Answers) {
        // In another epoch it is asked for again.
        guard log.epoch == present, replicated.replica?.log.isClosed == false else { return }
        asked.remove(former)
        let answers = found.answers.values
        // Of two epochs the store knows which is the present one.
        if answers.contains(where: { $0.epoch != present && !$0.epoch.isEmpty }) { return doubted() }
        for answer in answers where answer.epoch == present {
            replicated.former.learned(answer.map, of: former, oldestSeq: log.oldestSeq)
        }
        replicated.former.settle(former)
        replicated.placeMembers()
        replicated.gate.letIn()
        // A node that was silent may be heard by the next one who comes.
        if !found.isComplete { replicated.former.unsettle(former) }
    }

    private func doubted() { replicated.replica?.doubted() }

    /// Whether members may be placed that stood at these positions: a room waits once for what others know.
    func mayPlace(_ positions: some Sequence<Position>) -> Bool {
        let now = core.loop.now
        let isWaiting = positions.reduce(false) { isWaiting, position in !isSettled(position) || isWaiting }
        guard isWaiting, placesAt.map({ now < $0 }) ?? true else {
            placesAt = nil
            return true
        }
        placesAt = placesAt ?? now + Replication.forkMilliseconds
        return false
    }

    /// The present epoch is another one now.
    func epochBegan() { (asked, placesAt, unsaid) = ([], nil, []) }

    // MARK: What nobody asked for

    /// An entry came of which this node knows former places that the log does not: somebody committed it anew who did
    /// not know it. The other nodes hear of that once this one is in step, so that its knowledge outlives it.
    func came(_ arrival: ReplicaLog.PlacedEntry) {
        for place in arrival.was where !arrival.entry.was.contains(place) { unsaid.insert(place.epoch) }
    }

    private func publishPlaces() {
        guard let channel = replicated.channel else { return }
        for former in unsaid.sorted() {
            let values = [log.epoch, former, replicated.former.map(of: former).text]
            let notice = ClusterNotice(.places, boot: core.context.boot, values)
            channel.ask(ClusterNotice.operation(channel.keys, notice)) { _ in }
        }
        unsaid = []
    }

    /// Another node knows more than the log.
    func placesPublished(_ values: [String]) {
        guard values.count == 3, values[0] == log.epoch, ForkQuestion.canName(values[1]),
            let map = FormerMap(text: values[2])
        else { return }
        replicated.former.learned(map, of: values[1], oldestSeq: log.oldestSeq)
    }

    // MARK: The questions of others

    /// Another node asks. It is answered once this one is in step, in its present epoch.
    func received(_ question: ForkQuestion) {
        if isInStep, question.present == log.epoch { return answer(question) }
        if unanswered.count < Self.unansweredMax, !unanswered.contains(question) { unanswered.append(question) }
        if isInStep { doubted() }
    }

    /// This node may be in step by now.
    func advanced() {
        guard !unanswered.isEmpty || !unsaid.isEmpty, isInStep else { return }
        publishPlaces()
        let questions = unanswered
        unanswered = []
        questions.forEach(answer)
    }

    /// The store is away: who has asked hears nothing from here.
    func storeLost() { (unanswered, placesAt) = ([], nil) }

    private var isInStep: Bool { replicated.replica?.log.standing == .inStep }

    private func answer(_ question: ForkQuestion) {
        replication.answer(question, epoch: log.epoch, replicated.former.map(of: question.former))
    }
}
