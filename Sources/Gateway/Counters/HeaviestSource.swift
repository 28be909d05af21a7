import Core
import Overload

/// The source of work that a worker limited last, because it had more to do than it could: for operators.
package struct HeaviestSource: Sendable, Equatable {
    /// "connection", "requests" (of an address), "user", "room" or "address".
    let kind: StaticString
    let user: Identifier?
    let address: IPAddress?
    let room: Identifier?
    /// Of the worker's time, when it was limited: 0 … 1.
    let share: Double
    /// The part of it that is admitted at present, 0 … 1; 1: it is not limited any more.
    var admitted: Double

    init(_ load: SourceLedger.Load, admitted: Double) {
        kind =
            switch load.source {
            case .single(.connection): "connection"
            case .single(.requests): "requests"
            case .user: "user"
            case .room: "room"
            case .address: "address"
            }
        user = load.user
        address = load.address
        room = load.room
        share = load.share
        self.admitted = admitted
    }

    /// Of several workers' the one that has most of its worker's time, before those that are limited no more.
    static func worst(of sources: some Collection<HeaviestSource>) -> HeaviestSource? {
        let limited = sources.filter { $0.admitted < 1 }
        return (limited.isEmpty ? Array(sources) : limited).max { $0.share < $1.share }
    }

    /// The narrowest that is known of it.
    var name: String { (user ?? room)?.text ?? address?.description ?? "" }

    package static func == (left: HeaviestSource, right: HeaviestSource) -> Bool {
        "\(left.kind)" == "\(right.kind)" && left.user == right.user && left.address == right.address
            && left.room == right.room && left.share == right.share && left.admitted == right.admitted
    }
}
