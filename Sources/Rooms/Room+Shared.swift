import Foundations
import WireProtocol

// A room whose history is shared by the nodes of a cluster: what this node has of it.
extension Room {
    /// Takes the next entry of the shared log; `payload` contains its seq, `log.newestSeq + 1`.
    package func appendShared(_ payload: UnsafeRawBufferPointer, at time: Int) -> FrameSlice {
        lastActiveAt = time
        return log.append(payload, audience: nil, at: time)
    }

    /// Messages up to `seq` have their places and were not stored.
    package func passUnstored(upTo seq: UInt64) { log.passUnstored(upTo: seq) }

    /// The bodies of all messages that are held, in order.
    package var bodies: [(seq: UInt64, body: [UInt8])] { entries.map { ($0.seq, Array($0.body)) } }

    /// The newest message whose body fits, with its seq.
    package func findBody(_ fits: ([UInt8]) -> Bool) -> (seq: UInt64, body: [UInt8])? {
        for entry in entries.reversed() {
            let body = Array(entry.body)
            if fits(body) { return (entry.seq, body) }
        }
        return nil
    }

    private var entries: [(seq: UInt64, body: UnsafeRawBufferPointer)] {
        let head = historyHead
        return log.entries(after: 0, countMax: .max, byteCountMax: .max)
            .map { ($0.seq, head.body(of: $0.frame.payload, seq: $0.seq)) }
    }
}
