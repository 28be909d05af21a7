import ControlPlane
import Foundations
import Rooms

// In which rooms the user is. The connections' workers know it; of other nodes, these.
extension SharedUser {
    /// Tells another node's worker in which rooms the user is on this one.
    func tellWhereabouts(on channel: String, question: String) {
        guard let number = Int(question), !user.attendance.isEmpty else { return }
        let (replication, boot) = (replication, core.context.boot)
        table.surveys.findRooms(of: user.attendance.entries.map(\.info)) { found in
            let answer = WhereaboutsAnswer(question: number, boot: boot, whereabouts: found)
            replication.store.perform(.publish(channel: Array(channel.utf8), payload: answer.payload)) { _ in }
        }
    }

    /// Asks the other nodes on which the user is; a node that does not answer in time is left out.
    func askWhereabouts(_ completion: @escaping ([String: [Whereabouts]]) -> Void) {
        let boots = Set((presence?.roster.told(of: user.id) ?? []).map(\.boot))
        guard !boots.isEmpty, !replication.isStoreAway else { return completion([:]) }
        let desk = replication.whereabouts
        desk.put(to: boots, through: replication.store, at: core.loop.now) { [weak self] number in
            guard let self else { return }
            channel?.tell(
                ClusterNotice(.whereabouts, boot: core.context.boot, [desk.channel, String(number)]))
        } finish: {
            completion($0)
        }
    }
}
