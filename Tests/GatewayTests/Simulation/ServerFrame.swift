import Core
import Foundation

/// A frame of a node, as a client reads it.
struct ServerFrame {
    let text: String
    private let members: [String: Any]

    init?(_ bytes: [UInt8]) {
        text = String(decoding: bytes, as: UTF8.self)
        guard let members = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any] else { return nil }
        self.members = members
    }

    private init(_ members: [String: Any]) {
        text = ""
        self.members = members
    }

    var type: String { string("type") ?? "" }
    var id: String? { string("id") }
    var room: String? { string("room") }
    var seq: UInt64? { number("seq") }
    /// Where it says that something stands.
    var position: Position? {
        guard let epoch = string("epoch"), let seq else { return nil }
        return Position(epoch: epoch, seq: seq)
    }

    func string(_ name: String) -> String? { members[name] as? String }
    func number(_ name: String) -> UInt64? { (members[name] as? NSNumber)?.uint64Value }
    func isTrue(_ name: String) -> Bool { (members[name] as? NSNumber)?.boolValue ?? false }
    func frames(_ name: String) -> [ServerFrame] {
        (members[name] as? [[String: Any]] ?? []).map { ServerFrame($0) }
    }
}
