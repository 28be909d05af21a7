import Core
import Rooms

@testable import Gateway

/// The homes of a node's rooms and users, for one connection: they answer nothing, and keep what they were
/// asked as words.
final class FakeHomes: WorkerMessageReceiver {
    let core: WorkerCore
    private var asked: [String] = []

    init(_ environment: [String: String] = [:]) throws {
        let settings = environment.merging(["WORKERS": "1"]) { given, _ in given }
        core = try WorkerCore(index: 0, context: try FakeNode.context(settings))
        core.receiver = self
    }

    /// Takes what was asked since the last call, in order.
    func takeAsked() -> [String] {
        defer { asked = [] }
        return asked
    }

    /// The facts of a connection that a user's home lets in.
    func info(_ user: String, _ key: UInt64) -> ConnectionInfo {
        ConnectionInfo(
            user: Identifier(unchecked: user), device: Identifier(unchecked: "d"), deviceType: nil, worker: 0,
            socketKey: key, connectedAt: 0, userNumber: 1)
    }

    func received(_ message: WorkerMessage) {
        switch message {
        case .room(let room, let request): asked.append(words(of: request, room.text))
        case .user(let user, let request): asked.append(words(of: request, user.text))
        case .publish(let message): asked.append("publish \(message.room.text)")
        default: asked.append("\(message)")
        }
    }

    private func words(of request: RoomRequest, _ room: String) -> String {
        switch request {
        case .join(_, let position, _): "join \(room)" + (position.map { " from \($0.epoch):\($0.seq)" } ?? "")
        case .describe: "describe \(room)"
        case .continueReplay(_, let seq): "continue \(room) \(seq)"
        case .leave(_, let isAsked): isAsked ? "leave \(room)" : "left \(room)"
        case .lost: "lost \(room)"
        default: "\(request)"
        }
    }

    private func words(of request: UserRequest, _ user: String) -> String {
        switch request {
        case .attach(let arrival):
            "attach \(user) \(arrival.device?.text ?? "-") \(arrival.deviceType ?? "-") \(arrival.socketKey)"
        case .detach(_, let atOnce): "detach \(user)" + (atOnce ? " at once" : "")
        case .continueInboxReplay(_, let seq): "continue inbox \(seq)"
        default: "\(request)"
        }
    }
}
