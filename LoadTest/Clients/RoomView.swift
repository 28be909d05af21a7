/// Shared by the members of one room in this process.
final class RoomView {
    let number: Int
    let name: String
    /// How the room's messages look, and the epoch for which that holds.
    @exclusivity(unchecked) var shape: (shape: DeliveryShape, epoch: UInt32)?
    var ledger = RoomLedger()
    /// The newest position that was acked here.
    var acked: (epoch: UInt32, seq: UInt64)?

    init(number: Int, name: String) {
        self.number = number
        self.name = name
    }
}

/// The state of a sending connection. It survives a reconnect.
final class SenderState {
    /// Of the newest message.
    var counter: UInt32 = 0
    /// Messages without an answer.
    var unacked = 0
    /// Refused with `retry_ms`: nothing is sent in a closed loop before this, in the loop's milliseconds.
    var notBefore = 0
    /// Already in the list of those who may send.
    var isQueued = false
}
