import ControlPlane
import Foundations
import Rooms

// In which rooms the user is. The connections' workers know it; of other nodes, these.
extension SharedUser {
    /// Tells another node's worker in which rooms the user is on this one.
    func tellWhereabouts(on channel: String, question: String) {
        guard let number = Int(question), !user.attendance.isEmpty else { return }
        let (worker, boot) = (worker, worker.context.boot)
        worker.findRooms(of: user.attendance.entries.map(\.info)) { [weak worker] found in
            let answer = WhereaboutsAnswer(question: number, boot: boot, whereabouts: found)
            worker?.store?.perform(.publish(channel: Array(channel.utf8), payload: answer.payload)) { _ in }
        }
    }

    /// Asks the other nodes on which the user is; a node that does not answer in time is left out.
    func askWhereabouts(_ completion: @escaping ([String: [Whereabouts]]) -> Void) {
        let boots = Set((presence?.roster.told(of: user.id) ?? []).map(\.boot))
        guard !boots.isEmpty, !worker.isStoreAway, let store = worker.store else { return completion([:]) }
        let desk = worker.whereabouts
        desk.put(to: boots, through: store, at: worker.loop.now) { [weak self] number in
            guard let self else { return }
            channel?.tell(
                ClusterNotice(.whereabouts, boot: worker.context.boot, [desk.channel, String(number)]))
        } finish: {
            completion($0)
        }
    }
}

extension Worker {
    /// The rooms of connections of this node, by device.
    func findRooms(of infos: [ConnectionInfo], _ completion: @escaping ([Whereabouts]) -> Void) {
        gather { asked in
            infos.map { info in info.worker == asked.index ? asked.find(info)?.rooms ?? [] : [] }
        } finish: { parts in
            completion(
                infos.enumerated().map { index, info in
                    Whereabouts(device: info.device, rooms: parts[info.worker][index])
                })
        }
    }
}
