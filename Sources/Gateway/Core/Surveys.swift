import Core
import Rooms

/// Questions of one worker to all workers of the node, itself included. Thread: the worker's.
final class Surveys {
    private struct Open {
        var missing: Int
        /// By worker.
        var parts: [SurveyPart?]
        let finish: ([SurveyPart?]) -> Void
    }

    private let core: WorkerCore
    private var open: [Int: Open] = [:]
    private var last = 0

    init(_ core: WorkerCore) { self.core = core }

    /// Asks every worker; `finish` gets their answers by worker, once, on this thread.
    private func ask(_ survey: Survey, finish: @escaping ([SurveyPart?]) -> Void) {
        last += 1
        let (number, count) = (last, core.context.workerCount)
        open[number] = Open(missing: count, parts: Array(repeating: nil, count: count), finish: finish)
        for worker in 0..<count { core.send(.survey(survey, number: number, from: core.index), to: worker) }
    }

    /// A worker has answered.
    func received(_ part: SurveyPart, number: Int, from worker: Int) {
        guard var asked = open[number] else { return }
        assert(asked.parts[worker] == nil, "a worker answered twice")
        asked.parts[worker] = part
        asked.missing -= 1
        open[number] = asked.missing == 0 ? nil : asked
        if asked.missing == 0 { asked.finish(asked.parts) }
    }

    /// Rooms at home on this node above a cursor, of each worker one more than the limit, in no order.
    func findRooms(after cursor: Identifier?, limit: Int, _ completion: @escaping ([RoomDescription]) -> Void) {
        ask(.rooms(after: cursor, limit: limit)) { parts in
            var found: [RoomDescription] = []
            for case .rooms(let rooms)? in parts { found += rooms }
            completion(found)
        }
    }

    /// Users of this node that are online above a cursor, of each worker one more than the limit, in no order.
    func findOnline(after cursor: Identifier?, limit: Int, _ completion: @escaping ([OnlineUser]) -> Void) {
        ask(.online(after: cursor, limit: limit)) { parts in
            var found: [OnlineUser] = []
            for case .online(let users)? in parts { found += users }
            completion(found)
        }
    }

    /// Has connections of this node carry out an operator's order; `completion` gets how many did.
    func order(_ order: RoomOrder, _ infos: [ConnectionInfo], _ completion: @escaping (Int) -> Void) {
        ask(.order(order, infos)) { parts in
            var count = 0
            for case .ordered(let part)? in parts { count += part }
            completion(count)
        }
    }

    /// The rooms of connections of this node, by device, in the order of the connections.
    func findRooms(of infos: [ConnectionInfo], _ completion: @escaping ([DeviceRooms]) -> Void) {
        ask(.membership(infos)) { parts in
            completion(
                infos.enumerated().map { index, info in
                    guard case .membership(let rooms)? = parts[info.worker] else {
                        return DeviceRooms(device: info.device, rooms: [])
                    }
                    return DeviceRooms(device: info.device, rooms: rooms[index])
                })
        }
    }
}
