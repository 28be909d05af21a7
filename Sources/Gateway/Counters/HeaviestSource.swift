import Core
import Overload

/// The source of work that a worker limited last, because it had more to do than it could: for operators.
package struct HeaviestSource: Sendable, Equatable {
    /// "connection", "requests" (of an address), "user" or "address".
    let kind: StaticString
    let user: Identifier?
    let address: IPAddress?
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
            case .address: "address"
            }
        user = load.user
        address = load.address
        share = load.share
        self.admitted = admitted
    }

    package static func == (left: HeaviestSource, right: HeaviestSource) -> Bool {
        "\(left.kind)" == "\(right.kind)" && left.user == right.user && left.address == right.address
            && left.share == right.share && left.admitted == right.admitted
    }
}
