import NetworkIO

/// The end of a run: what is on its way arrives, then what did not is counted.
struct Settling {
    enum Stage {
        /// Until no ack is due.
        case acks
        /// Until every member has the newest acked seq of its room.
        case deliveries([Int: [RoomMark]])
    }
    /// Waiting ends in any case.
    static let millisecondsMax = 30_000

    var stage: Stage
    /// How long nothing may come before it is held to be all.
    let quietMilliseconds: Int
    /// In the loop's milliseconds.
    let deadline: Int
    private var receivedBytes = 0
    private var lastProgress: Int

    init(_ stage: Stage, quietMilliseconds: Int, now: Int) {
        self.stage = stage
        self.quietMilliseconds = quietMilliseconds
        deadline = now + Self.millisecondsMax
        lastProgress = now
    }

    /// Whether it is time to stop waiting; to be asked at each tick with all bytes that ever came.
    mutating func isOver(at now: Int, receivedBytes: Int) -> Bool {
        if receivedBytes != self.receivedBytes {
            self.receivedBytes = receivedBytes
            lastProgress = now
        }
        return now >= deadline || now - lastProgress >= quietMilliseconds
    }
}

extension Loader {
    func startSettling(quiet milliseconds: Int) {
        startSending(nil)
        settling = Settling(.acks, quietMilliseconds: milliseconds, now: loop.now)
        continueSettling()
    }

    func startChecking(_ marks: [RoomMark], quiet milliseconds: Int) {
        let byRoom = Dictionary(grouping: marks.filter { rooms[$0.room] != nil }, by: \.room)
        settling = Settling(.deliveries(byRoom), quietMilliseconds: milliseconds, now: loop.now)
        continueSettling()
    }

    /// Answers when all has come or the time is up.
    func continueSettling() {
        guard let stage = settling?.stage else { return }
        let isLate = settling?.isOver(at: loop.now, receivedBytes: receivedBytesTotal) ?? true
        switch stage {
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
