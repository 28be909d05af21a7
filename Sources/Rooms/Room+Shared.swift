import Core
import WireProtocol

// A room whose history is shared by the nodes of a cluster: what this node has of it.
extension Room {
    /// Takes the next entry of the shared log; `payload` contains its seq, `log.newestSeq + 1`.
    package func appendShared(_ payload: UnsafeRawBufferPointer, at time: Int) -> FrameSlice {
        lastActiveAt = time
        let frame = log.append(payload, audience: nil, at: time)
        settleStored()
        index.appended(
            historyHead.body(of: payload, seq: log.newestSeq), seq: log.newestSeq, oldestSeq: log.oldestSeq)
        return frame
    }

    /// Where the history has a message of the same user and id as a body; nil when it does not hold it. Costs the same
    /// however long the history is.
    package func held(like body: [UInt8]) -> ReplicaLog.Held? {
        body.withUnsafeBytes { body in
            guard let seq = index.seq(like: body), let entry = log.entry(at: seq) else { return nil }
            let found = historyHead.body(of: entry.frame.payload, seq: seq)
            guard MessageKey.areSame(found, body) else { return nil }
            return ReplicaLog.Held(seq: seq, time: MessageBody.time(found))
        }
    }

    /// Messages up to `seq` have their places and were not stored.
    package func passUnstored(upTo seq: UInt64) { log.passUnstored(upTo: seq) }

    /// The bodies of all messages that are held, in order.
    package var bodies: [SeenEntry] { entries.map { SeenEntry(seq: $0.seq, body: Array($0.body)) } }

    /// The body of a message; nil when it is not held.
    package func body(at seq: UInt64) -> [UInt8]? {
        log.entry(at: seq).map { Array(historyHead.body(of: $0.frame.payload, seq: $0.seq)) }
    }

    private var entries: [(seq: UInt64, body: UnsafeRawBufferPointer)] {
        let head = historyHead
        return log.entries(after: 0, countMax: .max, byteCountMax: .max)
            .map { ($0.seq, head.body(of: $0.frame.payload, seq: $0.seq)) }
    }
}
