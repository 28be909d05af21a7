import FoundationEssentials
import NetworkIO
import WireProtocol

/// The stream between the parent and a loading process: values as JSON, one per line, both ways.
///
/// Thread: the loop's.
final class JSONLineSocket<Incoming: Decodable, Outgoing: Encodable>: Socket {
    private let arrived: (Incoming) -> Void
    private let lost: () -> Void
    private var line: [UInt8] = []

    /// - Parameter lost: the other process is gone.
    init(
        descriptor: Int32, loop: EventLoop, arrived: @escaping (Incoming) -> Void, lost: @escaping () -> Void
    ) throws(SystemError) {
        self.arrived = arrived
        self.lost = lost
        try super.init(descriptor: descriptor, loop: loop)
    }

    func send(_ value: Outgoing) {
        // Values of ours hold nothing that JSON can't express.
        guard var bytes = try? Array(JSONEncoder().encode(value)) else {
            preconditionFailure("a value that is no JSON")
        }
        bytes.append(UInt8(ascii: "\n"))
        bytes.withUnsafeBytes { send(FrameBuffer(copying: $0)) }
    }

    override func received(_ bytes: UnsafeMutableRawBufferPointer) {
        var rest = UnsafeRawBufferPointer(bytes)[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            line.append(contentsOf: rest[..<end])
            rest = rest[(end + 1)...]
            guard let value = try? JSONDecoder().decode(Incoming.self, from: Data(line)) else {
                preconditionFailure("a line of another version")
            }
            line = []
            arrived(value)
        }
        line.append(contentsOf: rest)
    }

    override func ended(_ end: SocketEnd) { lost() }
}
