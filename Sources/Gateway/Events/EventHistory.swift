import WireProtocol

/// The last events of a node, as they stand in a stream, so that one who lost a connection misses nothing.
package struct EventHistory: Sendable {
    /// Events that are kept.
    package static let countMax = 256

    /// One event in the form of the HTML standard's event streams, with its place.
    package struct Entry: Sendable, Equatable {
        /// Rises by one, from 1.
        package let number: Int
        package let bytes: [UInt8]
    }

    private let node: String
    private let boot: String
    /// Oldest first.
    private var entries: [Entry] = []
    /// The number of the newest event; 0 before the first.
    package private(set) var newest = 0

    /// - Parameters:
    ///   - node: who publishes the events.
    ///   - boot: distinguishes their ids from those of other nodes, and of this one's former lives. Without a dash.
    package init(node: String, boot: String) {
        self.node = node
        self.boot = boot
    }

    /// Takes an event in; how it stands in the stream.
    /// - Parameter time: Unix milliseconds.
    package mutating func add(_ event: SystemEvent, at time: Int) -> Entry {
        newest += 1
        let entry = Entry(number: newest, bytes: bytes(event, number: newest, at: time))
        if entries.count == Self.countMax { entries.removeFirst() }
        entries.append(entry)
        return entry
    }

    /// The events after the one with this id: none without an id, and all that are kept when the id is not of this
    /// process.
    package func missed(since id: String?) -> [Entry] {
        guard let id else { return [] }
        let parts = id.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == boot, let number = Int(parts[1]) else { return entries }
        return entries.filter { $0.number > number }
    }

    /// An event that says how things are instead of a change; it has the place of the newest one, and none of its own.
    package func present(_ event: SystemEvent, at time: Int) -> [UInt8] { bytes(event, number: newest, at: time) }

    private func bytes(_ event: SystemEvent, number: Int, at time: Int) -> [UInt8] {
        var writer = JSONWriter()
        event.write(to: &writer, from: node, at: time)
        // The data is one line: JSON has its control characters escaped.
        return Array("id: \(boot)-\(number)\nevent: \(event.name)\ndata: ".utf8) + writer.array + Array("\n\n".utf8)
    }
}
