import NetworkIO

/// The end of a run: what is on its way arrives, then what did not is counted.
struct Settling {
    enum Stage {
        /// Until no ack is due.
        case acks
        /// Until every member has the newest acked seq of its room.
        case deliveries([Int: [RoomMark]])
    }
    var stage: Stage
    /// In the loop's milliseconds.
    var deadline: Int
}

extension Loader {
    func startSettling(within milliseconds: Int) {
        startSending(nil)
        settling = Settling(stage: .acks, deadline: loop.now + milliseconds)
        continueSettling()
    }

    func startChecking(_ marks: [RoomMark], within milliseconds: Int) {
        let byRoom = Dictionary(grouping: marks.filter { rooms[$0.room] != nil }, by: \.room)
        settling = Settling(stage: .deliveries(byRoom), deadline: loop.now + milliseconds)
        continueSettling()
    }

    /// Answers when all has come or the time is up.
    func continueSettling() {
        guard let settling else { return }
        let isLate = loop.now >= settling.deadline
        switch settling.stage {
        case .acks:
            guard unackedCount == 0 || isLate else { return }
            self.settling = nil
            answer(.settled(marks))
        case .deliveries(let marks):
            let tail = undelivered(marks)
            guard tail + missing.count == 0 || isLate else { return }
            self.settling = nil
            answer(.checked(lost: tail + missing.count))
        }
    }

    private var marks: [RoomMark] {
        rooms.values.compactMap { room in
            room.acked.map { RoomMark(room: room.number, epoch: epochs.text($0.epoch), seq: $0.seq) }
        }
    }

    /// Seqs behind the newest that each connected member has, up to its room's mark. A member of another epoch was
    /// told so by a gap, and is not compared.
    private func undelivered(_ marks: [Int: [RoomMark]]) -> Int {
        var count = 0
        for case let client? in clients where client.isIn {
            for mark in marks[client.room.number] ?? []
            where mark.seq > client.checker.last && epochs.text(client.epoch) == mark.epoch {
                count += Int(mark.seq - client.checker.last)
            }
        }
        return count
    }
}
