import Core
import WireProtocol

// An inbox that the nodes of a cluster share: what this node has of it.
extension Inbox {
    /// Takes the next entry; `payload` contains its seq, `log.newestSeq + 1`.
    package func appendShared(_ payload: UnsafeRawBufferPointer, audience: Audience, at time: Int) -> FrameSlice {
        let frame = append(payload, audience: audience, at: time)
        index.appended(body(of: payload, log.newestSeq), seq: log.newestSeq, oldestSeq: log.oldestSeq)
        return frame
    }

    /// Where the inbox has a message of the same sender, receiver and id as a body; nil when it does not hold it. Costs
    /// the same however long the inbox is.
    package func held(like body: [UInt8]) -> ReplicaLog.Held? {
        body.withUnsafeBytes { body in
            guard let seq = index.seq(like: body), let entry = log.entry(at: seq) else { return nil }
            let found = self.body(of: entry.frame.payload, seq)
            guard MessageKey.areSame(found, body) else { return nil }
            return ReplicaLog.Held(seq: seq, time: MessageBody.time(found))
        }
    }

    /// The bodies of all entries that are held, in order, as `DirectBody` has them.
    package var bodies: [SeenEntry] {
        log.entries(after: 0, countMax: .max, byteCountMax: .max)
            .map { SeenEntry(seq: $0.seq, body: storedBody(of: $0)) }
    }

    /// The body of an entry, as `DirectBody` has it; nil when it is not held.
    package func body(at seq: UInt64) -> [UInt8]? { log.entry(at: seq).map(storedBody) }

    private func storedBody(of entry: LogEntry) -> [UInt8] {
        DirectBody.bytes(
            frame: body(of: entry.frame.payload, entry.seq), device: entry.audience?.sender,
            deviceType: entry.audience?.deviceType)
    }

    private func body(of payload: UnsafeRawBufferPointer, _ seq: UInt64) -> UnsafeRawBufferPointer {
        JSONWriter.directBody(of: payload, at: Position(epoch: log.epoch, seq: seq))
    }

    /// Goes on with a history whose entries up to `seq` are not held here.
    package func replaceHistory(epoch: String, forkedAt seq: UInt64) {
        if epoch != log.epoch {
            former.replaced(log.epoch, held: nil)
            former.ended(log.epoch, at: log.newestSeq)
        }
        replaceLog(epoch: epoch, forkedAt: seq)
    }
}
