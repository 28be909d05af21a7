/// A node's sign of life: what is asked of the store, and what its answer says.
package enum Beat {
    /// A hash: the nodes by their boots.
    package static let nodesKey = LogKeys.beats
    /// Where a node asks the others to look; the payload is its boot.
    package static let channel = Array("sluice:{nodes}".utf8)

    /// The store's entry for another node.
    package struct Sighting: Equatable, Sendable {
        package let boot: String
        /// The time of its last beat, by the store's clock.
        package let time: Int
        /// nil when the node has left in order.
        package let record: NodeRecord?
    }

    /// The store's answer.
    package struct Answer: Equatable, Sendable {
        /// Unix milliseconds by the store's clock.
        package let time: Int
        /// Since when the store has known this node without a break, by its clock. Another time than before: meanwhile
        /// the node counted as gone, and what it had published may have been cleared away.
        package let knownSince: Int
        /// All other nodes, in no order.
        package let others: [Sighting]

        package init(time: Int, knownSince: Int, others: [Sighting]) {
            self.time = time
            self.knownSince = knownSince
            self.others = others
        }
    }

    /// The request.
    /// - Parameters:
    ///   - record: what the node says of itself; nil when it leaves.
    ///   - isPublished: whether the others must look at once.
    package static func operation(
        boot: String, record: NodeRecord?, isPublished: Bool, expiryMilliseconds: Int
    ) -> StoreOperation {
        let arguments = [
            isPublished ? channel : [], Array(boot.utf8), record?.text ?? [], Array(String(expiryMilliseconds).utf8),
        ]
        return .script(script, keys: [nodesKey], arguments: arguments)
    }

    /// Reads the answer; nil when it is none that the script gives. A node whose record can't be read is there all the
    /// same.
    package static func answer(_ reply: StoreReply) -> Answer? {
        guard case .array(let parts) = reply, parts.count >= 2, parts.count % 2 == 0,
            let time = Stored.number(parts[0]), let since = Stored.number(parts[1])
        else { return nil }
        var others: [Sighting] = []
        for index in stride(from: 2, to: parts.count, by: 2) {
            guard case .bytes(let boot) = parts[index], case .bytes(let value) = parts[index + 1] else { return nil }
            if let sighting = sighting(String(decoding: boot, as: UTF8.self), value) { others.append(sighting) }
        }
        return Answer(time: time, knownSince: since, others: others)
    }

    private static func sighting(_ boot: String, _ value: [UInt8]) -> Sighting? {
        guard let times = times(value) else { return nil }
        let record = times.record.isEmpty ? nil : NodeRecord(times.record, boot: boot)
        return Sighting(boot: boot, time: times.beat, record: record)
    }
}
