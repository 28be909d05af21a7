import Foundations
import WireProtocol

// An inbox that the nodes of a cluster share: what this node has of it.
extension Inbox {
    /// Takes the next entry; `payload` contains its seq, `log.newestSeq + 1`.
    package func appendShared(_ payload: UnsafeRawBufferPointer, audience: Audience, at time: Int) -> FrameSlice {
        log.append(payload, audience: audience, at: time)
    }

    /// The bodies of all entries that are held, in order, as `DirectBody` has them.
    package var bodies: [(seq: UInt64, body: [UInt8])] { entries(after: 0) }

    /// The newest entry whose body fits, with its seq.
    package func findBody(_ fits: ([UInt8]) -> Bool) -> (seq: UInt64, body: [UInt8])? {
        entries(after: 0).last { fits($0.body) }
    }

    /// Goes on with a history whose entries up to `seq` are not held here.
    package func replaceHistory(epoch: String, forkedAt seq: UInt64) {
        let held = entries(after: 0)
        for cursor in acknowledged {
            guard let last = held.last(where: { $0.seq <= cursor.seq })?.body else { continue }
            processed.removeAll { $0.device == cursor.device }
            processed.append((cursor.device, last))
        }
        replaceLog(with: MemoryLog(epoch: epoch, capacity: log.capacity, forkedAt: seq))
    }

    /// An entry came: devices that had processed it in a former history, as the last one there, have processed all up
    /// to it. Returns these devices.
    package func carryCursors(to body: [UInt8], seq: UInt64) -> [Identifier] {
        guard !processed.isEmpty else { return [] }
        let devices = processed.filter { SharedLog.areSame($0.body, body) }.map(\.device)
        processed.removeAll { devices.contains($0.device) }
        for device in devices { acknowledged(Position(epoch: log.epoch, seq: seq), device: device) }
        return devices
    }

    private func entries(after seq: UInt64) -> [(seq: UInt64, body: [UInt8])] {
        log.entries(after: seq, countMax: .max, byteCountMax: .max).map { entry in
            let position = Position(epoch: log.epoch, seq: entry.seq)
            let frame = JSONWriter.directBody(of: entry.frame.payload, at: position)
            return (
                entry.seq,
                DirectBody.bytes(
                    frame: frame, device: entry.audience?.sender, deviceType: entry.audience?.deviceType)
            )
        }
    }
}
