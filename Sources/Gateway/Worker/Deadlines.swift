import Foundations

/// Work that a worker has to do at a time.
enum Deadline {
    /// A lost connection's place in a room is given up.
    case roomGrace(room: Identifier, user: Identifier)
    /// A lost device is offline now.
    case userGrace(user: Identifier)
}

/// Deadlines in order of time: a binary heap.
struct Deadlines {
    private var heap: ContiguousArray<(due: Int, deadline: Deadline)> = []

    mutating func add(_ deadline: Deadline, at due: Int) {
        heap.append((due, deadline))
        var child = heap.count - 1
        while child > 0, heap[child].due < heap[(child - 1) / 2].due {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// The earliest deadline, if its time has come.
    mutating func popDue(at now: Int) -> Deadline? {
        guard let first = heap.first, first.due <= now else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        return first.deadline
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].due < heap[least].due { least = child }
            }
            if least == parent { return }
            heap.swapAt(least, parent)
            parent = least
        }
    }
}
